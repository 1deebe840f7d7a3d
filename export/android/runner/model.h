/* A `.tflite` compiled for the CPU, with a buffer for every input and output. */
#ifndef SIGNPORT_MODEL_H
#define SIGNPORT_MODEL_H

#include "job.h"
#include "litert.h"

enum { MOST_OUTPUTS = 16 };

typedef struct {
  Handle file, signature;
  size_t inputs, outputs;
  const JobInput *order[MOST_INPUTS]; /* the job's inputs in the order of the signature */
  TensorType input_type[MOST_INPUTS], output_type[MOST_OUTPUTS];
  size_t nodes;
} ModelFile;

typedef struct {
  const ModelFile *file;
  Handle compiled;
  Handle input[MOST_INPUTS], output[MOST_OUTPUTS];
  size_t output_elements; /* of the first output */
} Model;

/* Reads a file and checks names, types and shapes of its inputs against the job's; ends the process where they differ. */
void open_file(Handle environment, const char *path, const Job *job, ModelFile *file);

/* Compiles it for a number of threads, and with the profiler where asked. */
void compile(Handle environment, const ModelFile *file, int threads, bool profiled, Model *model);
void release(Model *model);

void set_sample(const Model *model, uint32_t sample);
void invoke(Model *model);
void copy_output(const Model *model, float *into);

/* Share of the graph's nodes that a delegate took, 0 to 1; negative where the profiler tells nothing. */
double delegated_share(Handle environment, const ModelFile *file);

#endif
