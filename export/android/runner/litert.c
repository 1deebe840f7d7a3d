#include "litert.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFINE(result, name, arguments) result(*name) arguments;
LITERT_FUNCTIONS(DEFINE)

void load_litert(const char *library) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) fail("%s", dlerror());
#define FIND(result, name, arguments)                                   \
  *(void **)&name = dlsym(handle, #name);                               \
  if (name == NULL) fail("%s: no function " #name " in it", library);
  LITERT_FUNCTIONS(FIND)
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("runner: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  /* Not exit(): LiteRT's own destructors may hang on a half-made model. */
  fflush(stderr);
  _Exit(1);
}
