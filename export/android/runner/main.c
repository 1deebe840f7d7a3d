/* Runs one `.tflite` over a job's samples on the CPU.
 *
 *   runner LIBRARY MODEL JOB OUTPUT THREADS WARM_UP REPEATS SECONDS
 *
 * LIBRARY is LiteRT's shared library, THREADS thread counts such as 1,2. OUTPUT receives float32 samples × elements of
 * the first output, taken at the first thread count. Each thread count is then timed, unless REPEATS is 0: the call of
 * the model alone, over the samples in turn, in microseconds. As on the desktop, a measurement ends after REPEATS
 * calls, or once SECONDS are over and 10 calls are done; the warm-up after WARM_UP calls, or a fifth of that time and 3.
 *
 * Prints one line of JSON. Whatever is wrong is one line `runner: ...` on stderr, and exit status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

enum { LEAST_WARM_UP = 3, LEAST_REPEATS = 10, MOST_REPEATS = 1000000, MOST_THREADS = 64 };
static const double WARM_UP_SHARE = 0.2;

typedef struct {
  int warm_up, repeats;
  double seconds;
} Measure;

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int whole(const char *text, const char *what, int least, int most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < least || value > most)
    fail("%s is %s, expected %d to %d", what, text, least, most);
  return (int)value;
}

/* Peak resident memory of this process in bytes, 0 where Linux does not tell. */
static long long peak_memory(void) {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  long long kilobytes = 0;
  if (status == NULL) return 0;
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "VmHWM: %lld kB", &kilobytes) == 1) break;
  fclose(status);
  return kilobytes * 1024;
}

static void write_outputs(Model *model, const Job *job, const char *path) {
  FILE *file = fopen(path, "wb");
  float *row = malloc(model->output_elements * sizeof *row);
  if (file == NULL || row == NULL) fail("%s: cannot be written", path);
  for (uint32_t sample = 0; sample < job->samples; sample++) {
    set_sample(model, sample);
    invoke(model);
    copy_output(model, row);
    if (fwrite(row, sizeof *row, model->output_elements, file) != model->output_elements)
      fail("%s: cannot be written to the end; is the disk full?", path);
  }
  free(row);
  if (fclose(file) != 0) fail("%s: cannot be written to the end; is the disk full?", path);
}

/* Calls the model at most `wanted` times, prints the times where asked; see the top for when it ends. */
static void call(Model *model, const Job *job, int wanted, double seconds, int least, double *times, int *done) {
  double end = now_us() + 1e6 * seconds;
  *done = 0;
  while (*done < wanted && !(*done >= least && now_us() > end)) {
    set_sample(model, (uint32_t)*done % job->samples);
    double start = now_us();
    invoke(model);
    times[(*done)++] = now_us() - start;
  }
}

static void print_times(Model *model, const Job *job, Measure measure, int threads, bool first) {
  int most = measure.repeats > measure.warm_up ? measure.repeats : measure.warm_up, done;
  double *times = malloc((size_t)(most + 1) * sizeof *times);
  if (times == NULL) fail("no memory for %d times", most);
  call(model, job, measure.warm_up, measure.seconds * WARM_UP_SHARE, LEAST_WARM_UP, times, &done);
  call(model, job, measure.repeats, measure.seconds, LEAST_REPEATS, times, &done);
  printf("%s\"%d\": [", first ? "" : ", ", threads);
  for (int each = 0; each < done; each++) printf("%s%.3f", each ? ", " : "", times[each]);
  printf("]");
  free(times);
}

int main(int count, char **arguments) {
  if (count != 9) fail("usage: runner LIBRARY MODEL JOB OUTPUT THREADS WARM_UP REPEATS SECONDS");
  Measure measure = {whole(arguments[6], "WARM_UP", 0, MOST_REPEATS), whole(arguments[7], "REPEATS", 0, MOST_REPEATS),
                     atof(arguments[8])};
  static Job job;
  static ModelFile file;
  Handle environment;
  Model model;
  load_litert(arguments[1]);
  read_job(arguments[3], &job);
  CHECK(LiteRtCreateEnvironment(0, NULL, &environment));
  bool first = true;
  double load_ms = 0;
  size_t elements = 0;
  printf("{\"times_us\": {");
  for (char *each = strtok(arguments[5], ","); each != NULL; each = strtok(NULL, ",")) {
    int threads = whole(each, "THREADS", 1, MOST_THREADS);
    double start = now_us();
    if (first) open_file(environment, arguments[2], &job, &file);
    compile(environment, &file, threads, false, &model);
    if (first) {
      load_ms = (now_us() - start) / 1e3;
      write_outputs(&model, &job, arguments[4]);
      elements = model.output_elements;
    }
    if (measure.repeats > 0) print_times(&model, &job, measure, threads, first);
    release(&model);
    first = false;
  }
  if (first) fail("THREADS is empty");
  long long peak = peak_memory(); /* before the profiler adds its own */
  printf("}, \"samples\": %u, \"elements\": %zu, \"load_ms\": %.3f, \"peak_memory_bytes\": %lld, ", job.samples,
         elements, load_ms, peak);
  printf("\"nodes\": %zu, \"delegated\": %.6f}\n", file.nodes, delegated_share(environment, &file));
  return fflush(stdout) == 0 ? 0 : 1;
}
