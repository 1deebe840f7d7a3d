package signport.parity

import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.ln
import kotlin.math.round
import kotlin.math.sqrt

/**
 * Share of right answers.
 *
 * @property value 0 to 1, weighted.
 * @property low Lower end of the 95 % interval.
 * @property high Upper end.
 * @property samples Labelled samples that it rests on.
 */
public class Accuracy(
    public val value: Double,
    public val low: Double,
    public val high: Double,
    public val samples: Int,
) {
    public companion object {
        /**
         * Accuracy over weighted samples, with Wilson's interval at the effective sample size (Kish: (Σw)² / Σw²).
         *
         * @param answers (samples, classes).
         * @param labels (samples,), -1 where unknown.
         * @param weights (samples,).
         * @return null where no sample has a label.
         */
        @JvmStatic
        public fun of(answers: Array<FloatArray>, labels: IntArray, weights: DoubleArray): Accuracy? {
            val known = labels.indices.filter { labels[it] >= 0 }
            if (known.isEmpty()) return null
            val total = known.sumOf { weights[it] }
            val share = known.sumOf { if (answers[it].argmax() == labels[it]) weights[it] else 0.0 } / total
            val effective = round(total * total / known.sumOf { weights[it] * weights[it] })
            val (low, high) = wilsonInterval(round(share * effective), effective)
            return Accuracy(share, low, high, known.size)
        }
    }
}

/**
 * McNemar's exact test (Psychometrika 12, 1947): whether two models that answered the same samples are right equally
 * often.
 *
 * @property floatOnly Samples that only the float model answers right.
 * @property fileOnly Samples that only the file answers right.
 * @property pValue Two-sided; the chance of so uneven a split, or a more uneven one, if both were equally good.
 */
public class McNemar(public val floatOnly: Int, public val fileOnly: Int, public val pValue: Double) {
    public companion object {
        /**
         * The test; every sample counts once.
         *
         * @param reference (samples, classes) of the float model.
         * @param answers The same of the file.
         * @param labels (samples,), -1 where unknown.
         * @return null where no sample has a label.
         */
        @JvmStatic
        public fun of(reference: Array<FloatArray>, answers: Array<FloatArray>, labels: IntArray): McNemar? {
            val known = labels.indices.filter { labels[it] >= 0 }
            if (known.isEmpty()) return null
            val floating = known.map { reference[it].argmax() == labels[it] }
            val file = known.map { answers[it].argmax() == labels[it] }
            val lost = known.indices.count { floating[it] && !file[it] }
            val won = known.indices.count { file[it] && !floating[it] }
            return McNemar(lost, won, twoSided(lost, won))
        }

        private fun twoSided(lost: Int, won: Int): Double {
            val count = lost + won
            if (lost == won) return 1.0
            var term = -count * ln(2.0)
            var tail = 0.0
            for (index in 0..minOf(lost, won)) {
                tail += exp(term)
                term += ln((count - index).toDouble()) - ln(index + 1.0)
            }
            return minOf(1.0, 2 * tail)
        }
    }
}

/**
 * Time of one call of a model after warm-up, in microseconds.
 *
 * @property medianUs Median.
 * @property p5Us 5th percentile.
 * @property p95Us 95th percentile.
 * @property repeats Number of timed calls.
 */
public class Latency(
    public val medianUs: Double,
    public val p5Us: Double,
    public val p95Us: Double,
    public val repeats: Int,
) {
    public companion object {
        /** Percentiles of timed calls, in microseconds; between two values they are interpolated, as NumPy does it. */
        @JvmStatic
        public fun of(timesUs: DoubleArray): Latency {
            val sorted = timesUs.sortedArray()
            return Latency(percentile(sorted, 0.5), percentile(sorted, 0.05), percentile(sorted, 0.95), sorted.size)
        }

        private fun percentile(sorted: DoubleArray, share: Double): Double {
            val place = share * (sorted.size - 1)
            val below = place.toInt()
            val above = minOf(below + 1, sorted.size - 1)
            return sorted[below] + (place - below) * (sorted[above] - sorted[below])
        }
    }
}

private const val Z = 1.959963984540054

/** 95 % interval of a share (Wilson 1927, without continuity correction); (0, 1) for no samples. */
internal fun wilsonInterval(right: Double, count: Double): Pair<Double, Double> {
    if (count == 0.0) return 0.0 to 1.0
    val share = right / count
    val centre = share + Z * Z / (2 * count)
    val reach = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    val scale = 1 + Z * Z / count
    return maxOf(0.0, (centre - reach) / scale) to minOf(1.0, (centre + reach) / scale)
}

/**
 * The smallest share of samples whose 95 % interval still holds [wanted]; nears it as samples grow.
 *
 * Shares are judged like this so that one sample of a small test part that falls on the other side of a tie breaks no
 * gate.
 */
internal fun leastShare(wanted: Double, samples: Int): Double {
    var missed = 0
    while (missed < samples && wilsonInterval(samples - missed - 1.0, samples.toDouble()).second >= wanted) missed++
    return (samples - missed) / samples.toDouble()
}

/**
 * How many samples of the test part each golden sample stands for.
 *
 * Half of the golden samples are those whose two best classes are closest. Counted as they are, they would make any
 * quantized file look twice as bad as it is; weighted like this, shares over them estimate shares over the test part.
 *
 * @param reference (samples, outputs) of the float model, real samples only.
 * @param testSamples Size of the test part; null, or not more than there are golden samples: all weigh 1.
 */
internal fun sampleWeights(reference: List<FloatArray>, testSamples: Int?): DoubleArray {
    val weights = DoubleArray(reference.size) { 1.0 }
    val worst = reference.size / 2
    if (testSamples == null || testSamples <= reference.size || reference[0].size < 2) return weights
    val margins = reference.map { row -> row.sortedArray().let { it[it.size - 1] - it[it.size - 2] } }
    val easier = reference.indices.sortedBy { margins[it] }.drop(worst)
    for (row in easier) weights[row] = (testSamples - worst) / easier.size.toDouble()
    return weights
}

// Below this a float32 probability's logarithm is rounding, and the size of a step in it cannot be told.
private const val TOO_SMALL = 1e-20f

/**
 * The least number of quantization steps by which any logit (or embedding value) of two answers can differ.
 *
 * Softmax forgets a constant, so of logits only differences are known: if every logit moved by at most k steps, no
 * log-probability ratio moved by more than 2k.
 *
 * @param a (samples, outputs).
 * @param b The same of another runtime.
 * @param step Scale of the int8 tensor.
 * @param kind What the numbers are.
 * @return Steps, rounded to thousandths: float32 cannot tell more.
 */
internal fun stepsApart(a: Array<FloatArray>, b: Array<FloatArray>, step: Double, kind: OutputKind): Double {
    if (kind == OutputKind.EMBEDDING) {
        return thousandths(
            a.indices.maxOf { row -> a[row].indices.maxOf { abs(a[row][it].toDouble() - b[row][it]) } } / step,
        )
    }
    val spreads =
        a.indices.map { row ->
            val moved =
                a[row]
                    .indices
                    .filter { a[row][it] >= TOO_SMALL && b[row][it] >= TOO_SMALL }
                    .map { ln(a[row][it].toDouble()) - ln(b[row][it].toDouble()) }
            if (moved.isEmpty()) Double.NaN else moved.max() - moved.min()
        }
    return thousandths((if (spreads.any { it.isNaN() }) Double.NaN else spreads.max()) / (2 * step))
}

/**
 * By how many quantization steps the logits (embedding values) of two answers differ in the mean over the samples.
 *
 * Kernels that round the other way now and then differ in both directions; an output that has moved the same way in
 * every sample is a fault: a zero point, a bias, a scale.
 *
 * @return Steps of the output that moved most, rounded to thousandths.
 */
internal fun meanSteps(a: Array<FloatArray>, b: Array<FloatArray>, step: Double, kind: OutputKind): Double {
    val (first, second) = signal(a, kind) to signal(b, kind)
    val most = a[0].indices.maxOf { column -> abs(a.indices.sumOf { first[it][column] - second[it][column] } / a.size) }
    return thousandths(most / step)
}

private fun thousandths(value: Double): Double = if (value.isFinite()) {
    java.math.BigDecimal(value).setScale(3, java.math.RoundingMode.HALF_EVEN).toDouble()
} else {
    value
}
