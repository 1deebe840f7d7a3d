#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert.h"

typedef struct {
  const char *path;
  FILE *file;
} Reader;

static void take(Reader *reader, void *into, size_t bytes) {
  if (fread(into, 1, bytes, reader->file) != bytes) fail("%s: ends too early", reader->path);
}

static uint32_t number(Reader *reader, const char *what, uint32_t least, uint32_t most) {
  uint32_t value;
  take(reader, &value, sizeof value);
  if (value < least || value > most) fail("%s: %s is %u, expected %u to %u", reader->path, what, value, least, most);
  return value;
}

static void read_input(Reader *reader, JobInput *input) {
  uint32_t length = number(reader, "the length of a name", 1, MOST_NAME - 1);
  take(reader, input->name, length);
  input->name[length] = '\0';
  input->rank = number(reader, "a rank", 1, MOST_DIMENSIONS);
  input->elements = 1;
  for (uint32_t axis = 0; axis < input->rank; axis++) {
    input->dimensions[axis] = (int32_t)number(reader, "a dimension", 1, 1u << 24);
    input->elements *= (size_t)input->dimensions[axis];
    if (input->elements > (size_t)1 << 28) fail("%s: input %s is too large", reader->path, input->name);
  }
}

void read_job(const char *path, Job *job) {
  Reader reader = {path, fopen(path, "rb")};
  char magic[4];
  if (reader.file == NULL) fail("%s: cannot be opened", path);
  take(&reader, magic, sizeof magic);
  if (memcmp(magic, "SPJ1", sizeof magic) != 0) fail("%s: not a job of this runner", path);
  job->samples = number(&reader, "the number of samples", 1, 1u << 24);
  job->inputs = number(&reader, "the number of inputs", 1, MOST_INPUTS);
  for (uint32_t each = 0; each < job->inputs; each++) read_input(&reader, &job->input[each]);
  for (uint32_t each = 0; each < job->inputs; each++) {
    size_t count = job->input[each].elements * job->samples;
    float *values = malloc(count * sizeof *values);
    if (values == NULL) fail("%s: no memory for input %s", path, job->input[each].name);
    take(&reader, values, count * sizeof *values);
    job->input[each].values = values;
  }
  if (fgetc(reader.file) != EOF) fail("%s: longer than it says", path);
  fclose(reader.file);
}
