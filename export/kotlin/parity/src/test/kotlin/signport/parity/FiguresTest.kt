package signport.parity

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.math.exp
import kotlin.math.ln

/** Expected numbers are those of signport's Python (`parity/figures.py`) on the same arrays. */
internal class FiguresTest {
    private val reference = softmax { row, column -> 6.0 * random(1)[row * CLASSES + column] }
    private val noise = random(2)
    private val answers = softmax { row, column ->
        ln(reference[row][column].toDouble()) + (noise[row * CLASSES + column] - 0.5) * 1.2
    }
    private val labels =
        IntArray(SAMPLES) { reference[it].argmax() }
            .also { labels ->
                for (row in 0 until SAMPLES step 5) labels[row] = (labels[row] + 1) % CLASSES
                labels[3] = -1
            }
    private val weights = sampleWeights(reference.toList(), testSamples = 100)

    @Test
    fun `weights make half of the samples stand for the rest of the test part`() {
        assertEquals("4444141411444114414144141411441114141111", weights.joinToString("") { short(it) })
        assertEquals(100.0, weights.sum(), 1e-9)
        assertTrue(sampleWeights(reference.toList(), testSamples = 40).all { it == 1.0 })
    }

    @Test
    fun `agreement of probabilities is the one that Python computes`() {
        val found = Agreement.of(reference, answers, OutputKind.PROBABILITIES, weights)
        assertTrue(found.finite)
        near(0.24165117740631104, found.maxAbs)
        near(0.214320570230484, found.p95Abs)
        near(0.03155116771356136, found.meanAbs)
        near(0.051677486561709084, found.rmse)
        near(13.450471122797529, found.sqnrDb)
        near(0.9740854810797426, found.cosine)
        near(0.0394677730725795, found.kl)
        near(0.94, found.top1)
        near(0.85, found.top1Clear)
        near(1.0, found.top5)
    }

    @Test
    fun `embeddings have no classes`() {
        val found = Agreement.of(reference, answers, OutputKind.EMBEDDING, weights)
        near(14.040987523744072, found.sqnrDb)
        assertTrue(found.top1.isNaN() && found.top5.isNaN() && found.kl.isNaN())
    }

    @Test
    fun `one NaN makes an answer not finite, and nothing is computed from it`() {
        answers[7][2] = Float.NaN
        val found = Agreement.of(reference, answers, OutputKind.PROBABILITIES)
        assertFalse(found.finite)
        assertTrue(found.maxAbs.isNaN() && found.top1.isNaN())
    }

    @Test
    fun `equal answers have no noise, and a tie is not held against the file`() {
        assertEquals(Double.POSITIVE_INFINITY, Agreement.of(reference, reference, OutputKind.PROBABILITIES).sqnrDb)
        val tie = arrayOf(floatArrayOf(0.5f, 0.5f), floatArrayOf(0.9f, 0.1f))
        val other = arrayOf(floatArrayOf(0.4999f, 0.5001f), floatArrayOf(0.8f, 0.2f))
        val found = Agreement.of(tie, other, OutputKind.PROBABILITIES)
        assertEquals(listOf(0.5, 1.0), listOf(found.top1, found.top1Clear))
    }

    @Test
    fun `accuracy has the interval of the effective sample size`() {
        val found = Accuracy.of(answers, labels, weights)
        assertEquals(39, found?.samples)
        near(0.6458333333333334, found?.value)
        near(0.45830306514427804, found?.low)
        near(0.7929417049226233, found?.high)
        assertNull(Accuracy.of(answers, IntArray(SAMPLES) { -1 }, weights))
    }

    @Test
    fun `McNemar's test is exact`() {
        val found = McNemar.of(reference, answers, labels)
        assertEquals(listOf(5, 0), listOf(found?.floatOnly, found?.fileOnly))
        near(0.0625, found?.pValue)
        val expected =
            mapOf(
                (0 to 1) to 1.0,
                (3 to 12) to 0.03515625,
                (7 to 7) to 1.0,
                (120 to 160) to 0.019606727290281328,
                (1 to 300) to 1.4825462265199134e-88,
            )
        for ((split, value) in expected) near(value, split(split.first, split.second))
    }

    private fun split(lost: Int, won: Int): Double? {
        val (right, wrong) = floatArrayOf(1f, 0f) to floatArrayOf(0f, 1f)
        val floating = Array(lost + won) { if (it < lost) right else wrong }
        val file = Array(lost + won) { if (it < lost) wrong else right }
        return McNemar.of(floating, file, IntArray(lost + won))?.pValue
    }

    @Test
    fun `answers are counted in quantization steps`() {
        assertEquals(listOf(5.854, 0.688), steps(OutputKind.PROBABILITIES))
        assertEquals(listOf(2.417, 0.165), steps(OutputKind.EMBEDDING))
    }

    private fun steps(kind: OutputKind) =
        listOf(stepsApart(reference, answers, 0.1, kind), meanSteps(reference, answers, 0.1, kind))

    @Test
    fun `percentiles of times are NumPy's`() {
        val found = Latency.of(doubleArrayOf(5.0, 1.0, 2.0, 8.0, 3.0, 9.0, 100.0))
        near(5.0, found.medianUs)
        near(1.3, found.p5Us)
        near(72.7, found.p95Us)
        assertEquals(7, found.repeats)
    }

    @Test
    fun `the least share nears what is wanted as samples grow`() {
        near(0.9809160305343512, leastShare(0.99, 262))
        near(0.9969604863221885, leastShare(0.999, 329))
        near(0.9625, leastShare(0.98, 160))
        near(1.0, leastShare(1.0, 10))
    }

    @Test
    fun `numbers in messages have six digits, as in Python`() {
        val expected =
            mapOf(
                0.0 to "0",
                1.0 to "1",
                1e-5 to "1e-05",
                0.0001 to "0.0001",
                123456789.0 to "1.23457e+08",
                2.0 / 3 to "0.666667",
                -20.0 to "-20",
            )
        for ((value, text) in expected) assertEquals(text, short(value))
        assertEquals(listOf("nan", "inf"), listOf(short(Double.NaN), short(Double.POSITIVE_INFINITY)))
    }

    private companion object {
        const val SAMPLES = 40
        const val CLASSES = 7

        fun random(seed: Long): DoubleArray {
            var state = seed
            return DoubleArray(SAMPLES * CLASSES) {
                state = (state * 1103515245 + 12345) and 0x7fffffff
                state.toDouble() / 0x7fffffff
            }
        }

        fun softmax(logit: (row: Int, column: Int) -> Double): Array<FloatArray> = Array(SAMPLES) { row ->
            val powers = DoubleArray(CLASSES) { exp(logit(row, it)) }
            FloatArray(CLASSES) { (powers[it] / powers.sum()).toFloat() }
        }

        fun near(expected: Double, found: Double?) = assertEquals(expected, found ?: Double.NaN, 1e-6 * expected)
    }
}
