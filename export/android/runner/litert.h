/* LiteRT's C API as far as the runner needs it, found in its shared library at run time.
 *
 * The wheel of ai-edge-litert brings libLiteRt.so without headers. What stands here follows litert/c/litert_*.h of
 * LiteRT 2.3; every handle is opaque, and the one struct that crosses the border (LiteRtRankedTensorType) is declared
 * ABI stable there.
 */
#ifndef SIGNPORT_LITERT_H
#define SIGNPORT_LITERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *Handle;
typedef int Status; /* 0 is success */

enum { ON_CPU = 1, FLOAT32 = 1, LOCK_READ = 0, LOCK_WRITE = 1, MOST_DIMENSIONS = 8 };

/* LiteRtRankedTensorType with its LiteRtLayout: 72 bytes. */
typedef struct {
  uint32_t element_type;
  uint32_t rank : 7;
  uint32_t has_strides : 1;
  int32_t dimensions[MOST_DIMENSIONS];
  uint32_t strides[MOST_DIMENSIONS];
} TensorType;

/* ProfiledEventData: an entry for every node that ran. Its layout is promised nowhere and is that of 2.3, so what is
 * read from it must look like events before it is believed. */
typedef struct {
  const char *tag;
  uint32_t type;
  uint64_t start_us, elapsed_us;
  int64_t memory[2][3];
  uint64_t metadata[2];
  uint32_t source;
} ProfiledEvent;

_Static_assert(sizeof(TensorType) == 72, "LiteRtRankedTensorType has 72 bytes");
_Static_assert(sizeof(ProfiledEvent) == 104, "ProfiledEventData has 104 bytes in 2.3");

#define LITERT_FUNCTIONS(F)                                                                                        \
  F(Status, LiteRtCreateEnvironment, (int, const void *, Handle *))                                                \
  F(Status, LiteRtCreateModelFromFile, (Handle, const char *, Handle *))                                           \
  F(Status, LiteRtGetModelSignature, (Handle, size_t, Handle *))                                                   \
  F(Status, LiteRtGetNumSignatureInputs, (Handle, size_t *))                                                       \
  F(Status, LiteRtGetNumSignatureOutputs, (Handle, size_t *))                                                      \
  F(Status, LiteRtGetSignatureInputName, (Handle, size_t, const char **))                                          \
  F(Status, LiteRtGetSignatureInputTensorByIndex, (Handle, size_t, Handle *))                                      \
  F(Status, LiteRtGetSignatureOutputTensorByIndex, (Handle, size_t, Handle *))                                     \
  F(Status, LiteRtGetModelSubgraph, (Handle, size_t, Handle *))                                                    \
  F(Status, LiteRtGetNumSubgraphOps, (Handle, size_t *))                                                           \
  F(Status, LiteRtGetRankedTensorType, (Handle, TensorType *))                                                     \
  F(Status, LiteRtCreateOptions, (Handle *))                                                                       \
  F(Status, LiteRtSetOptionsHardwareAccelerators, (Handle, int))                                                   \
  F(Status, LiteRtCreateOpaqueOptions, (const char *, void *, void (*)(void *), Handle *))                         \
  F(Status, LiteRtAddOpaqueOptions, (Handle, Handle))                                                              \
  F(Status, LiteRtCreateCompiledModel, (Handle, Handle, Handle, Handle *))                                         \
  F(void, LiteRtDestroyCompiledModel, (Handle))                                                                    \
  F(Status, LiteRtGetCompiledModelInputBufferRequirements, (Handle, size_t, size_t, Handle *))                     \
  F(Status, LiteRtGetCompiledModelOutputBufferRequirements, (Handle, size_t, size_t, Handle *))                    \
  F(Status, LiteRtCreateManagedTensorBufferFromRequirements, (Handle, const TensorType *, Handle, Handle *))       \
  F(void, LiteRtDestroyTensorBuffer, (Handle))                                                                     \
  F(Status, LiteRtGetTensorBufferPackedSize, (Handle, size_t *))                                                   \
  F(Status, LiteRtLockTensorBuffer, (Handle, void **, int))                                                        \
  F(Status, LiteRtUnlockTensorBuffer, (Handle))                                                                    \
  F(Status, LiteRtRunCompiledModel, (Handle, size_t, size_t, Handle *, size_t, Handle *))                          \
  F(Status, LiteRtCompiledModelIsFullyAccelerated, (Handle, bool *))                                               \
  F(Status, LiteRtCompiledModelGetProfiler, (Handle, Handle *))                                                    \
  F(Status, LiteRtStartProfiler, (Handle))                                                                         \
  F(Status, LiteRtStopProfiler, (Handle))                                                                          \
  F(Status, LiteRtGetNumProfilerEvents, (Handle, int *))                                                           \
  F(Status, LiteRtGetProfilerEvents, (Handle, int, ProfiledEvent *))

#define DECLARE(result, name, arguments) extern result(*name) arguments;
LITERT_FUNCTIONS(DECLARE)
#undef DECLARE

/* Finds all of them in a shared library; ends the process with a message where one is missing. */
void load_litert(const char *library);

/* Prints `runner: ...` as one line on stderr and ends the process with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* Ends the process where a call did not succeed. */
#define CHECK(call)                                        \
  do {                                                     \
    Status status_ = (call);                               \
    if (status_ != 0) fail("%s: status %d", #call, status_); \
  } while (0)

#endif
