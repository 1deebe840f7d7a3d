package signport.parity

import signport.runtime.SignportException
import kotlin.math.abs
import kotlin.math.ln
import kotlin.math.log10
import kotlin.math.sqrt

/** What a model's numbers are. */
public enum class OutputKind(internal val word: String) {
    PROBABILITIES("probabilities"),
    EMBEDDING("embedding"),
    ;

    internal companion object {
        fun named(word: String): OutputKind = if (word == EMBEDDING.word) EMBEDDING else PROBABILITIES
    }
}

/**
 * An answer compared with its reference, over samples of shape (samples, outputs).
 *
 * The figures of signport's `quantization/agreement.py`, under the same names and definitions. Where a sample stands
 * for several of the test part, [top1], [p95Abs] and [sqnrDb] weigh it by their number, as `weighted_agreement` does.
 *
 * @property samples Number of samples.
 * @property finite Whether the answer holds no NaN and no infinity; if it does, every other figure is NaN.
 * @property maxAbs Largest absolute error.
 * @property p95Abs 95th percentile, over samples, of each sample's largest absolute error.
 * @property meanAbs Mean absolute error.
 * @property rmse Root of the mean squared error.
 * @property sqnrDb 10·log10(Σ reference² / Σ error²) in dB, of embeddings or of centred logits.
 * @property cosine Mean cosine of answer and reference.
 * @property kl Mean Kullback-Leibler divergence of the answer from the reference, in nats; NaN for embeddings.
 * @property top1 Share of samples with the same top class; NaN for embeddings.
 * @property top1Clear The same over the samples whose reference has no tie (margin above 1e-5).
 * @property top5 Share of samples whose reference's top class is among the answer's best five; NaN for embeddings.
 */
public class Agreement(
    public val samples: Int,
    public val finite: Boolean,
    public val maxAbs: Double = Double.NaN,
    public val p95Abs: Double = Double.NaN,
    public val meanAbs: Double = Double.NaN,
    public val rmse: Double = Double.NaN,
    public val sqnrDb: Double = Double.NaN,
    public val cosine: Double = Double.NaN,
    public val kl: Double = Double.NaN,
    public val top1: Double = Double.NaN,
    public val top1Clear: Double = Double.NaN,
    public val top5: Double = Double.NaN,
) {
    public companion object {
        /**
         * Compares an answer with its reference.
         *
         * @param reference (samples, outputs) of the float model, finite.
         * @param answer The same of a file.
         * @param kind What the numbers are.
         * @param weights (samples,): how many samples of the test part each stands for.
         * @throws SignportException The shapes differ.
         */
        @JvmStatic
        public fun of(
            reference: Array<FloatArray>,
            answer: Array<FloatArray>,
            kind: OutputKind,
            weights: DoubleArray = DoubleArray(reference.size) { 1.0 },
        ): Agreement {
            if (reference.size != answer.size || reference.indices.any { reference[it].size != answer[it].size }) {
                throw SignportException(
                    "answers of ${answer.size} samples and another shape than the ${reference.size} of the reference",
                )
            }
            if (!answer.areFinite()) return Agreement(answer.size, finite = false)
            val errors =
                reference.indices.map { row ->
                    DoubleArray(reference[row].size) { abs(reference[row][it].toDouble() - answer[row][it]) }
                }
            val worst = DoubleArray(errors.size) { errors[it].max() }
            val outputs = errors.size.toDouble() * errors[0].size
            val classes = kind == OutputKind.PROBABILITIES
            return Agreement(
                samples = reference.size,
                finite = true,
                maxAbs = worst.max(),
                p95Abs = weightedQuantile(worst, weights, 0.95),
                meanAbs = errors.sumOf { it.sum() } / outputs,
                rmse = sqrt(errors.sumOf { row -> row.sumOf { it * it } } / outputs),
                sqnrDb = sqnrDb(signal(reference, kind), signal(answer, kind), weights),
                cosine = reference.indices.sumOf { cosine(reference[it], answer[it]) } / reference.size,
                kl =
                if (classes) {
                    reference.indices.sumOf { divergence(reference[it], answer[it]) } / reference.size
                } else {
                    Double.NaN
                },
                top1 = if (classes) topShare(reference, answer, weights) else Double.NaN,
                top1Clear = if (classes) clearShare(reference, answer) else Double.NaN,
                top5 = if (classes) topFiveShare(reference, answer) else Double.NaN,
            )
        }
    }
}

// Below this a float32 probability's logarithm says more about rounding than about the model.
private const val SMALLEST_PROBABILITY = 1e-20

// Two classes closer than this are a tie; which of them comes first is chance.
private const val TIE = 1e-5
private const val BEST = 5

internal fun Array<FloatArray>.areFinite(): Boolean = all { row -> row.all { it.isFinite() } }

/** The first index of the largest value. */
internal fun FloatArray.argmax(): Int {
    var best = 0
    for (index in 1 until size) if (this[index] > this[best]) best = index
    return best
}

private fun logarithm(probability: Float): Double = ln(maxOf(probability.toDouble(), SMALLEST_PROBABILITY))

/** The logits behind softmax probabilities, up to the constant that softmax forgets. */
internal fun centredLogits(probabilities: FloatArray): DoubleArray {
    val logs = DoubleArray(probabilities.size) { logarithm(probabilities[it]) }
    val mean = logs.average()
    return DoubleArray(logs.size) { logs[it] - mean }
}

/** What a ratio of signal to noise is of: centred logits, or the embedding itself. */
internal fun signal(values: Array<FloatArray>, kind: OutputKind): List<DoubleArray> = values.map { row ->
    if (kind == OutputKind.PROBABILITIES) centredLogits(row) else DoubleArray(row.size) { row[it].toDouble() }
}

private fun sqnrDb(reference: List<DoubleArray>, answer: List<DoubleArray>, weights: DoubleArray): Double {
    val power = reference.indices.sumOf { row -> weights[row] * reference[row].sumOf { it * it } }
    val noise =
        reference.indices.sumOf { row ->
            weights[row] *
                reference[row].indices.sumOf { (reference[row][it] - answer[row][it]).let { error -> error * error } }
        }
    return if (noise == 0.0) Double.POSITIVE_INFINITY else 10 * log10(maxOf(power, java.lang.Double.MIN_NORMAL) / noise)
}

private fun cosine(a: FloatArray, b: FloatArray): Double {
    var product = 0.0
    var squaredA = 0.0
    var squaredB = 0.0
    for (index in a.indices) {
        product += a[index].toDouble() * b[index]
        squaredA += a[index].toDouble() * a[index]
        squaredB += b[index].toDouble() * b[index]
    }
    return product / maxOf(sqrt(squaredA) * sqrt(squaredB), java.lang.Double.MIN_NORMAL)
}

private fun divergence(reference: FloatArray, answer: FloatArray): Double =
    reference.indices.sumOf { reference[it] * (logarithm(reference[it]) - logarithm(answer[it])) }

private fun topShare(reference: Array<FloatArray>, answer: Array<FloatArray>, weights: DoubleArray): Double =
    reference.indices.sumOf { if (reference[it].argmax() == answer[it].argmax()) weights[it] else 0.0 } / weights.sum()

private fun clearShare(reference: Array<FloatArray>, answer: Array<FloatArray>): Double {
    val clear =
        reference.indices.filter { row ->
            val ranked = reference[row].sortedArray()
            ranked.size < 2 || ranked[ranked.size - 1].toDouble() - ranked[ranked.size - 2] > TIE
        }
    return if (clear.isEmpty()) {
        1.0
    } else {
        clear.count { reference[it].argmax() == answer[it].argmax() } / clear.size.toDouble()
    }
}

private fun topFiveShare(reference: Array<FloatArray>, answer: Array<FloatArray>): Double =
    reference.indices.count { row ->
        val best = reference[row].argmax()
        val found = answer[row]
        // As a stable descending sort ranks it: behind all that are larger, and equal ones before it.
        found.indices.count { found[it] > found[best] || (found[it] == found[best] && it < best) } < BEST
    } / reference.size.toDouble()

/** The smallest value that is not below [quantile] of the weight. */
internal fun weightedQuantile(values: DoubleArray, weights: DoubleArray, quantile: Double): Double {
    val order = values.indices.sortedBy { values[it] }
    val total = weights.sum()
    var reached = 0.0
    for (index in order) {
        reached += weights[index]
        if (reached / total >= quantile) return values[index]
    }
    return values[order.last()]
}
