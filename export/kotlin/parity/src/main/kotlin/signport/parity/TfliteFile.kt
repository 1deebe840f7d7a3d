@file:OptIn(SignportInternal::class)

package signport.parity

import signport.runtime.SignportException
import signport.runtime.SignportInternal
import signport.runtime.graph.FlatTable

/**
 * What a report has to know of a `.tflite`, whatever runtime evaluates it. Numbers of fields are those of `schema.fbs`.
 *
 * @property inputs Names of the graph's inputs, in its order.
 * @property operators Number of its operators.
 * @property outputStep Scale of the int8 tensor that the file's float output is computed from, or the scale that one in
 *   int16 would have as int8; null where the graph does not end in DEQUANTIZE, or in DEQUANTIZE and a float SOFTMAX.
 * @property labels Class names inside the file; empty where it has none.
 */
internal class TfliteFile
private constructor(
    val inputs: List<String>,
    val operators: Int,
    val outputStep: Double?,
    val labels: List<String>,
) {
    companion object {
        private const val SOFTMAX = 25
        private const val DEQUANTIZE = 6
        private const val INT16 = 7

        // What has reached an int16 tensor has been int8 on its way, so that runtimes differ by int8's steps there too.
        private const val INT16_STEPS = 256

        /** @throws SignportException No `.tflite`, or a damaged one. */
        fun read(content: ByteArray, name: String): TfliteFile = try {
            read(FlatTable.root(content), labels(content, name))
        } catch (error: IndexOutOfBoundsException) {
            throw SignportException("$name: a damaged .tflite file; $AGAIN", error)
        } catch (error: IllegalArgumentException) {
            throw SignportException("$name: a damaged .tflite file; $AGAIN", error)
        }

        private fun read(model: FlatTable, labels: List<String>): TfliteFile {
            val graph = model.tables(2)[0]
            val tensors = graph.tables(0)
            val inputs = (graph.ints(1) ?: IntArray(0)).map { tensors[it].string(3) }
            return TfliteFile(inputs, graph.tables(3).size, outputStep(model, graph), labels)
        }

        private fun outputStep(model: FlatTable, graph: FlatTable): Double? {
            val codes = model.tables(1)
            val madeBy = graph.tables(3).associateBy { it.ints(2)?.firstOrNull() }
            var tensor = graph.ints(2)?.firstOrNull() ?: return null
            for (expected in intArrayOf(SOFTMAX, DEQUANTIZE)) {
                val operator = madeBy[tensor] ?: return null
                val code = codes[operator.int(0)].let { maxOf(it.byte(0), it.int(3)) }
                if (code == expected) {
                    tensor = operator.ints(1)?.firstOrNull() ?: return null
                } else if (expected == DEQUANTIZE) {
                    return null
                }
            }
            val found = graph.tables(0)[tensor]
            val scale = found.table(4)?.floats(2)?.singleOrNull() ?: return null
            return scale.toDouble() * if (found.byte(1) == INT16) INT16_STEPS else 1
        }

        private fun labels(content: ByteArray, name: String): List<String> {
            val found = Archive.entriesOrNull(content, name)?.get(LABELS_FILE)
            return found?.let { String(it, Charsets.UTF_8).lines().dropLastWhile(String::isEmpty) } ?: emptyList()
        }
    }
}

internal const val LABELS_FILE = "labels.txt"
