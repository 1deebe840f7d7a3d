/** Timing calls with a browser's clock, which is coarse on purpose. */

import type { Timing } from "./protocol";

const WARM_UP_SHARE = 0.2; // of the time that is measured for
const LEAST_WARM_UP = 3;
const LEAST_REPEATS = 10;
/** How many steps of the clock a measured span must last: what it is off by is then at most a twentieth. */
const STEPS = 20;

/** The clock's step in microseconds: 5 where the page is cross-origin isolated, 100 elsewhere. */
export function clockStepUs(): number {
  let least = Infinity;
  for (let change = 0; change < 20; change++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    least = Math.min(least, now - start);
  }
  return Math.round(least * 1e4) / 10;
}

/**
 * Times a call over and over; microseconds of one call each.
 *
 * Warm-up and measurement each end after their number of calls, or when their time is up and the least that a median
 * needs has been done. Calls that are shorter than the clock can tell are timed in groups, and a group counts as one
 * measurement of its mean.
 *
 * @param once Makes the call for a row, and gives back what cleans up behind it, which is not timed.
 */
export async function timeCalls(
  once: (row: number) => Promise<() => void>,
  { repeats, warmUp, measureMs }: Timing,
): Promise<number[]> {
  let row = 0;
  const group = async (size: number): Promise<number> => {
    const cleanUps: (() => void)[] = [];
    const start = performance.now();
    for (let call = 0; call < size; call++) cleanUps.push(await once(row++));
    const elapsed = performance.now() - start;
    cleanUps.forEach((cleanUp) => cleanUp());
    return (1e3 * elapsed) / size;
  };
  const run = async (size: number, wanted: number, ms: number, least: number): Promise<number[]> => {
    const times: number[] = [];
    const end = performance.now() + ms;
    while (times.length < wanted && (times.length < least || performance.now() < end)) times.push(await group(size));
    return times;
  };
  const warm = await run(1, Math.max(warmUp, 1), measureMs * WARM_UP_SHARE, LEAST_WARM_UP);
  const mean = warm.reduce((sum, time) => sum + time, 0) / warm.length;
  const size = Math.min(200, Math.max(1, Math.ceil((STEPS * clockStepUs()) / Math.max(mean, 1))));
  return run(size, repeats, measureMs, LEAST_REPEATS);
}
