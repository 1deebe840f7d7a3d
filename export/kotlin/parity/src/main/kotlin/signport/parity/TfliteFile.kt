package signport.parity

import com.google.flatbuffers.Table
import signport.runtime.SignportException
import java.nio.ByteBuffer
import java.nio.ByteOrder

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
            read(Fields.root(content), labels(content, name))
        } catch (error: IndexOutOfBoundsException) {
            throw SignportException("$name: a damaged .tflite file; $AGAIN", error)
        } catch (error: IllegalArgumentException) {
            throw SignportException("$name: a damaged .tflite file; $AGAIN", error)
        }

        private fun read(model: Fields, labels: List<String>): TfliteFile {
            val graph = model.table(2, 0)
            val operators = graph.count(3)
            val inputs = List(graph.count(1)) { graph.table(0, graph.element(1, it)).text(3) }
            return TfliteFile(inputs, operators, outputStep(model, graph, operators), labels)
        }

        private fun outputStep(model: Fields, graph: Fields, operators: Int): Double? {
            val madeBy = (0 until operators).map { graph.table(3, it) }.associateBy { it.element(2, 0) }
            var tensor = graph.element(2, 0)
            for (expected in intArrayOf(SOFTMAX, DEQUANTIZE)) {
                val operator = madeBy[tensor] ?: return null
                val code = model.table(1, operator.int(0)).let { maxOf(it.byte(0), it.int(3)) }
                if (code == expected) {
                    tensor = operator.element(1, 0)
                } else if (expected == DEQUANTIZE) {
                    return null
                }
            }
            val found = graph.table(0, tensor)
            val quantization = found.tableOrNull(4) ?: return null
            if (quantization.count(2) != 1) return null
            return quantization.float(2).toDouble() * if (found.byte(1) == INT16) INT16_STEPS else 1
        }

        private fun labels(content: ByteArray, name: String): List<String> {
            val marked = Archive.isThere(content)
            val found = if (marked) Archive.entries(content, name)[LABELS_FILE] else null
            return found?.let { String(it, Charsets.UTF_8).lines().dropLastWhile(String::isEmpty) } ?: emptyList()
        }
    }
}

internal const val LABELS_FILE = "labels.txt"

/** A table of a FlatBuffer by the numbers of its fields. */
private class Fields private constructor(buffer: ByteBuffer, position: Int) : Table() {
    init {
        __reset(position, buffer)
    }

    private fun at(field: Int): Int = __offset(4 + 2 * field).let { if (it == 0) 0 else it + bb_pos }

    private fun start(field: Int, index: Int): Int {
        if (index !in 0 until count(field)) throw IndexOutOfBoundsException("element $index of field $field")
        return __vector(__offset(4 + 2 * field)) + Int.SIZE_BYTES * index
    }

    fun byte(field: Int): Int = at(field).let { if (it == 0) 0 else bb.get(it).toInt() }

    fun int(field: Int): Int = at(field).let { if (it == 0) 0 else bb.getInt(it) }

    fun text(field: Int): String = at(field).let { if (it == 0) "" else __string(it) }

    fun count(field: Int): Int = __offset(4 + 2 * field).let { if (it == 0) 0 else __vector_len(it) }

    fun element(field: Int, index: Int): Int = bb.getInt(start(field, index))

    fun float(field: Int): Float = bb.getFloat(start(field, 0))

    fun table(field: Int, index: Int): Fields = Fields(bb, __indirect(start(field, index)))

    fun tableOrNull(field: Int): Fields? = at(field).let { if (it == 0) null else Fields(bb, __indirect(it)) }

    companion object {
        fun root(content: ByteArray): Fields {
            val buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
            return Fields(buffer, buffer.getInt(0))
        }
    }
}
