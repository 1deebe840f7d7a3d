/** The figures of the table; `signport.parity.figures` and `signport.quantization.agreement` have the same in Python. */

export interface Golden {
  /** float32 (samples, outputs): the Keras model's answers. */
  output: Float32Array;
  width: number;
  /** Class index of each sample, -1 where unknown. */
  labels: ArrayLike<number>;
  /** How many samples of the test part each stands for; 0 for an edge case. */
  weights: Float64Array;
}

export interface Figures {
  finite: boolean;
  maxAbs: number;
  sqnrDb: number;
  agreement: number | null;
  accuracy: number | null;
}

const SMALLEST_PROBABILITY = 1e-20;

/**
 * Half of the golden samples are those whose two best classes are closest; the weights make shares over the golden
 * samples estimates of shares over the test part.
 */
export function sampleWeights(
  output: Float32Array,
  width: number,
  edge: boolean[],
  testSamples: number | undefined,
): Float64Array {
  const weights = Float64Array.from(edge, (isEdge) => (isEdge ? 0 : 1));
  const real = edge.flatMap((isEdge, row) => (isEdge ? [] : [row]));
  const worst = Math.floor(real.length / 2);
  if (!testSamples || testSamples <= real.length || width < 2) return weights;
  const margins = new Map(real.map((row) => [row, margin(output.subarray(row * width, (row + 1) * width))]));
  const easier = [...real].sort((a, b) => margins.get(a)! - margins.get(b)!).slice(worst);
  for (const row of easier) weights[row] = (testSamples - worst) / easier.length;
  return weights;
}

function margin(scores: Float32Array): number {
  const ranked = Float32Array.from(scores).sort();
  return ranked[ranked.length - 1] - ranked[ranked.length - 2];
}

/** Compares a file's answers with the Keras model's. */
export function figuresOf(answer: Float32Array, golden: Golden, probabilities: boolean): Figures {
  const { width, weights } = golden;
  if (answer.length !== golden.output.length || !answer.every(Number.isFinite)) {
    return { finite: false, maxAbs: NaN, sqnrDb: NaN, agreement: null, accuracy: null };
  }
  let maxAbs = 0;
  let signal = 0;
  let noise = 0;
  let same = 0;
  let right = 0;
  let known = 0;
  let total = 0;
  weights.forEach((weight, row) => {
    if (weight === 0) return;
    const expected = golden.output.subarray(row * width, (row + 1) * width);
    const found = answer.subarray(row * width, (row + 1) * width);
    expected.forEach((value, column) => (maxAbs = Math.max(maxAbs, Math.abs(value - found[column]))));
    const [a, b] = probabilities ? [centredLogs(expected), centredLogs(found)] : [expected, found];
    a.forEach((value, column) => {
      signal += weight * value ** 2;
      noise += weight * (value - b[column]) ** 2;
    });
    total += weight;
    same += weight * Number(best(expected) === best(found));
    if (golden.labels[row] < 0) return;
    known += weight;
    right += weight * Number(best(found) === golden.labels[row]);
  });
  return {
    finite: true,
    maxAbs,
    sqnrDb: noise === 0 ? Infinity : 10 * Math.log10(signal / noise),
    agreement: probabilities ? same / total : null,
    accuracy: probabilities && known > 0 ? right / known : null,
  };
}

/** Logits behind softmax probabilities, up to the constant that softmax forgets. */
function centredLogs(scores: Float32Array): Float64Array {
  const logs = Float64Array.from(scores, (score) => Math.log(Math.max(score, SMALLEST_PROBABILITY)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return logs.map((value) => value - mean);
}

function best(scores: Float32Array): number {
  let found = 0;
  scores.forEach((score, column) => {
    if (score > scores[found]) found = column;
  });
  return found;
}

export interface Spread {
  median: number;
  p5: number;
  p95: number;
}

/** Percentiles with linear interpolation, as NumPy's. */
export function spreadOf(times: number[]): Spread {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const low = Math.floor(place);
    return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };
  return { median: at(0.5), p5: at(0.05), p95: at(0.95) };
}

/** Microseconds in words. */
export function timeWords(us: number): string {
  if (us < 1000) return `${us.toFixed(us < 10 ? 1 : 0)} µs`;
  return us < 1e6 ? `${(us / 1e3).toFixed(us < 1e4 ? 2 : 1)} ms` : `${(us / 1e6).toFixed(2)} s`;
}
