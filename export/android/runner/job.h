/* A job: the inputs of all samples, as signport writes them.
 *
 * Little-endian, without padding:
 *   char[4]  "SPJ1"
 *   uint32   samples
 *   uint32   inputs
 *   inputs × { uint32 length of the name, name, uint32 rank, rank × int32 dimensions, the batch of 1 included }
 *   inputs × samples × elements × float32, one input after another
 */
#ifndef SIGNPORT_JOB_H
#define SIGNPORT_JOB_H

#include <stddef.h>
#include <stdint.h>

enum { MOST_INPUTS = 16, MOST_NAME = 128 };

typedef struct {
  char name[MOST_NAME];
  uint32_t rank;
  int32_t dimensions[8];
  size_t elements;     /* of one sample */
  const float *values; /* samples × elements */
} JobInput;

typedef struct {
  uint32_t samples;
  uint32_t inputs;
  JobInput input[MOST_INPUTS];
} Job;

/* Reads a job; ends the process with a message where it is damaged. Its memory stays until the process ends. */
void read_job(const char *path, Job *job);

#endif
