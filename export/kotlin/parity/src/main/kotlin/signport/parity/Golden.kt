package signport.parity

import signport.runtime.SignportException
import java.io.InputStream

/**
 * The values of one input of a model over all samples.
 *
 * @property shape Of one sample, with the batch axis of 1 in front: (1, …).
 * @property values Row-major (samples, …).
 */
public class GoldenInput(public val shape: List<Int>, public val values: FloatArray) {
    /** Values of one sample. */
    public val elements: Int = shape.fold(1) { product, size -> product * size }
}

/**
 * What any device is held to, as `signport export` wrote it; the sample axis comes first everywhere.
 *
 * @property inputs Name → values; NaN is a missing point.
 * @property output (samples, outputs): the Keras float model's answers.
 * @property labels (samples,): class index, -1 where unknown.
 * @property sampleIds (samples,).
 * @property labelNames (samples,): the class in words, so that permuted classes show; empty where unknown.
 * @property edge (samples,): which edge case it is, empty for a real sample of the test part.
 * @property answers Format → (samples, outputs): what LiteRT answered with that file when it was exported.
 */
public class Golden(
    public val inputs: Map<String, GoldenInput>,
    public val output: Array<FloatArray>,
    public val labels: IntArray,
    public val sampleIds: List<String>,
    public val labelNames: List<String>,
    public val edge: List<String>,
    public val answers: Map<String, Array<FloatArray>>,
) {
    /** Number of samples, edge cases included. */
    public val samples: Int
        get() = output.size

    public companion object {
        private const val INPUT = "input_"
        private const val ANSWER = "answer_"

        /** What the exporter calls the file. */
        public const val FILE: String = "golden.npz"

        /**
         * Reads `golden.npz`.
         *
         * @param stream Read to its end; the caller closes it.
         * @param name What messages call it.
         * @throws SignportException It is damaged, lacks an array, or its arrays differ in length.
         */
        @JvmStatic
        public fun read(stream: InputStream, name: String = FILE): Golden {
            val arrays = Npz.read(stream, name)
            val output = arrays.named("output", name).rows()
            if (output.isEmpty() || output[0].isEmpty()) throw SignportException("$name: holds no sample; $AGAIN")
            for ((entry, array) in arrays) {
                if (array.shape.firstOrNull() != output.size) {
                    throw SignportException("$name: $entry: shape ${array.shape} for ${output.size} samples; $AGAIN")
                }
            }
            return Golden(
                inputs = arrays.prefixed(INPUT) { GoldenInput(listOf(1) + it.shape.drop(1), it.floats()) },
                output = output,
                labels = arrays.named("label", name).ints(),
                sampleIds = arrays.named("sample_id", name).strings(),
                labelNames = arrays.named("label_name", name).strings(),
                edge = arrays.named("edge", name).strings(),
                answers = arrays.prefixed(ANSWER) { it.rows() },
            )
        }

        private fun Map<String, NpzArray>.named(entry: String, name: String): NpzArray =
            this[entry] ?: throw SignportException("$name: $entry: missing; $AGAIN")

        private fun <T> Map<String, NpzArray>.prefixed(prefix: String, read: (NpzArray) -> T): Map<String, T> =
            filterKeys {
                it.startsWith(prefix)
            }.entries.associate { (name, array) -> name.removePrefix(prefix) to read(array) }

        private fun NpzArray.rows(): Array<FloatArray> {
            if (shape.size != 2) throw SignportException("$name: shape $shape, expected (samples, outputs); $AGAIN")
            val values = floats()
            return Array(shape[0]) { values.copyOfRange(it * shape[1], (it + 1) * shape[1]) }
        }
    }
}

internal const val AGAIN = "run `signport export` again"
