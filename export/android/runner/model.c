#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void describe(char *text, size_t room, uint32_t type, uint32_t rank, const int32_t *dimensions) {
  int used = snprintf(text, room, "%s (", type == FLOAT32 ? "float32" : "not float32");
  for (uint32_t axis = 0; axis < rank && used >= 0 && (size_t)used < room; axis++)
    used += snprintf(text + used, room - (size_t)used, axis ? ", %d" : "%d", dimensions[axis]);
  if (used >= 0 && (size_t)used < room) snprintf(text + used, room - (size_t)used, ")");
}

static void check_input(const JobInput *wanted, const TensorType *found) {
  size_t bytes = wanted->rank * sizeof *wanted->dimensions;
  if (found->element_type == FLOAT32 && found->rank == wanted->rank &&
      memcmp(found->dimensions, wanted->dimensions, bytes) == 0)
    return;
  char is[128], expected[128];
  describe(is, sizeof is, found->element_type, found->rank, found->dimensions);
  describe(expected, sizeof expected, FLOAT32, wanted->rank, wanted->dimensions);
  fail("input %s is %s, expected %s", wanted->name, is, expected);
}

static const JobInput *named(const Job *job, const char *name) {
  for (uint32_t each = 0; each < job->inputs; each++)
    if (strcmp(job->input[each].name, name) == 0) return &job->input[each];
  fail("the file has an input %s, which the job has no values for", name);
}

void open_file(Handle environment, const char *path, const Job *job, ModelFile *file) {
  Handle tensor, graph;
  if (LiteRtCreateModelFromFile(environment, path, &file->file) != 0) fail("%s: LiteRT cannot read this file", path);
  CHECK(LiteRtGetModelSignature(file->file, 0, &file->signature));
  CHECK(LiteRtGetNumSignatureInputs(file->signature, &file->inputs));
  CHECK(LiteRtGetNumSignatureOutputs(file->signature, &file->outputs));
  if (file->inputs != job->inputs) fail("the file has %zu inputs, expected %u", file->inputs, job->inputs);
  if (file->outputs < 1 || file->outputs > MOST_OUTPUTS) fail("the file has %zu outputs", file->outputs);
  for (size_t each = 0; each < file->inputs; each++) {
    const char *name;
    CHECK(LiteRtGetSignatureInputName(file->signature, each, &name));
    file->order[each] = named(job, name);
    CHECK(LiteRtGetSignatureInputTensorByIndex(file->signature, each, &tensor));
    CHECK(LiteRtGetRankedTensorType(tensor, &file->input_type[each]));
    check_input(file->order[each], &file->input_type[each]);
  }
  for (size_t each = 0; each < file->outputs; each++) {
    CHECK(LiteRtGetSignatureOutputTensorByIndex(file->signature, each, &tensor));
    CHECK(LiteRtGetRankedTensorType(tensor, &file->output_type[each]));
  }
  if (file->output_type[0].element_type != FLOAT32) fail("the file's output is not float32");
  CHECK(LiteRtGetModelSubgraph(file->file, 0, &graph));
  CHECK(LiteRtGetNumSubgraphOps(graph, &file->nodes));
}

/* LiteRT takes these options as a few lines of TOML that it frees itself. */
static void add_options(Handle options, const char *identifier, const char *toml) {
  Handle opaque;
  CHECK(LiteRtCreateOpaqueOptions(identifier, strdup(toml), free, &opaque));
  CHECK(LiteRtAddOpaqueOptions(options, opaque));
}

void compile(Handle environment, const ModelFile *file, int threads, bool profiled, Model *model) {
  Handle options, needs;
  char toml[64];
  model->file = file;
  CHECK(LiteRtCreateOptions(&options));
  CHECK(LiteRtSetOptionsHardwareAccelerators(options, ON_CPU));
  snprintf(toml, sizeof toml, "num_threads = %d\n", threads);
  add_options(options, "xnnpack", toml);
  if (profiled) add_options(options, "runtime_options_string", "enable_profiling = true\n");
  Status status = LiteRtCreateCompiledModel(environment, file->file, options, &model->compiled);
  if (status != 0) fail("LiteRT cannot compile this file (status %d)", status);
  for (size_t each = 0; each < file->inputs; each++) {
    CHECK(LiteRtGetCompiledModelInputBufferRequirements(model->compiled, 0, each, &needs));
    CHECK(LiteRtCreateManagedTensorBufferFromRequirements(environment, &file->input_type[each], needs,
                                                          &model->input[each]));
  }
  for (size_t each = 0; each < file->outputs; each++) {
    CHECK(LiteRtGetCompiledModelOutputBufferRequirements(model->compiled, 0, each, &needs));
    CHECK(LiteRtCreateManagedTensorBufferFromRequirements(environment, &file->output_type[each], needs,
                                                          &model->output[each]));
  }
  CHECK(LiteRtGetTensorBufferPackedSize(model->output[0], &model->output_elements));
  model->output_elements /= sizeof(float);
}

void release(Model *model) {
  for (size_t each = 0; each < model->file->inputs; each++) LiteRtDestroyTensorBuffer(model->input[each]);
  for (size_t each = 0; each < model->file->outputs; each++) LiteRtDestroyTensorBuffer(model->output[each]);
  LiteRtDestroyCompiledModel(model->compiled);
}

void set_sample(const Model *model, uint32_t sample) {
  for (size_t each = 0; each < model->file->inputs; each++) {
    const JobInput *input = model->file->order[each];
    void *memory;
    CHECK(LiteRtLockTensorBuffer(model->input[each], &memory, LOCK_WRITE));
    memcpy(memory, input->values + input->elements * sample, input->elements * sizeof(float));
    CHECK(LiteRtUnlockTensorBuffer(model->input[each]));
  }
}

void invoke(Model *model) {
  CHECK(LiteRtRunCompiledModel(model->compiled, 0, model->file->inputs, model->input, model->file->outputs,
                               model->output));
}

void copy_output(const Model *model, float *into) {
  void *memory;
  CHECK(LiteRtLockTensorBuffer(model->output[0], &memory, LOCK_READ));
  memcpy(into, memory, model->output_elements * sizeof *into);
  CHECK(LiteRtUnlockTensorBuffer(model->output[0]));
}

enum { OPERATOR_EVENT = 1 << 1, EVENT_TYPES = (1 << 9) - 1, EVENT_SOURCES = 3, EVENT_ROOM = 256 };

/* Nodes that ran outside of every delegate; -1 where these are no events. A delegate that has no profiler of its own is
 * one operator event, tagged with its name. */
static int nodes_left_over(const ProfiledEvent *events, int count) {
  int left = 0;
  for (int each = 0; each < count; each++) {
    uint32_t type = events[each].type;
    if (type == 0 || (type & (type - 1)) != 0 || type > EVENT_TYPES || events[each].source >= EVENT_SOURCES ||
        events[each].tag == NULL)
      return -1;
    if (type == OPERATOR_EVENT && strstr(events[each].tag, "Delegate") == NULL) left++;
  }
  return left;
}

/* Runs one sample with the profiler on. */
static int count_nodes_left_over(Model *model) {
  Handle profiler = NULL;
  int count = 0, left = -1;
  if (LiteRtCompiledModelGetProfiler(model->compiled, &profiler) != 0 || profiler == NULL) return -1;
  if (LiteRtStartProfiler(profiler) != 0) return -1;
  set_sample(model, 0);
  invoke(model);
  if (LiteRtStopProfiler(profiler) != 0 || LiteRtGetNumProfilerEvents(profiler, &count) != 0 || count < 1) return -1;
  ProfiledEvent *events = calloc((size_t)count, EVENT_ROOM);
  if (events != NULL && LiteRtGetProfilerEvents(profiler, count, events) == 0) left = nodes_left_over(events, count);
  free(events);
  return left;
}

double delegated_share(Handle environment, const ModelFile *file) {
  Model model;
  bool all = false;
  compile(environment, file, 1, true, &model);
  if (LiteRtCompiledModelIsFullyAccelerated(model.compiled, &all) == 0 && all) {
    release(&model);
    return 1;
  }
  int left = count_nodes_left_over(&model);
  release(&model);
  return left < 0 || (size_t)left > file->nodes ? -1 : 1 - (double)left / (double)file->nodes;
}
