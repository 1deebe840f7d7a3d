@file:OptIn(SignportInternal::class)

package signport.runtime.graph

import signport.runtime.SignportException
import signport.runtime.SignportInternal
import java.nio.BufferUnderflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Reads the graph of a `.tflite`: one subgraph, every shape known, nothing that keeps its value between calls.
 *
 * Numbers of fields are those of TFLite's `schema.fbs`.
 */
internal class GraphReader private constructor(private val model: FlatTable) {
    private val buffers: List<FlatTable> = model.tables(4)
    private val codes: List<FlatTable> = model.tables(1)

    private fun graph(): Graph {
        val subgraphs = model.tables(2)
        if (subgraphs.size != 1) throw SignportException("${subgraphs.size} subgraphs; only one is evaluated here")
        val subgraph = subgraphs[0]
        val read = subgraph.tables(0).mapIndexed(::tensor).toMutableList()
        val operators = subgraph.tables(3).mapIndexedNotNull { position, table ->
            val name = name(table)
            val inputs = (table.ints(1) ?: IntArray(0)).map { if (it < 0) null else read[it] }
            val outputs = (table.ints(2) ?: IntArray(0)).map { read[it] }
            if (name == "DEQUANTIZE" && inputs.getOrNull(0)?.type == ElementType.FLOAT16 &&
                inputs[0]?.isConstant == true
            ) {
                // Half floats in the file are weights only: widened once, here, instead of at every call.
                val half = checkNotNull(inputs[0])
                read[outputs[0].index] = half.at(outputs[0].index, ElementType.FLOAT32)
                null
            } else {
                Operator(position, name, inputs, outputs, table.table(4))
            }
        }
        return Graph(read, edge(subgraph.ints(1), read), edge(subgraph.ints(2), read), operators).also(::requireOrder)
    }

    /** Everything that is read has to be there by then, and once. */
    private fun requireOrder(graph: Graph) {
        val there = graph.inputs.map { it.index }.toMutableSet()
        for (operator in graph.operators) {
            if (operator.outputs.isEmpty()) throw SignportException("$operator: has no output")
            operator.inputs.filterNotNull().firstOrNull { !it.isConstant && it.index !in there }?.let {
                throw SignportException("$operator: reads $it, which nothing has computed by then")
            }
            operator.outputs.firstOrNull { it.isConstant || !there.add(it.index) }?.let {
                throw SignportException("$operator: computes $it, which is there already")
            }
        }
        graph.outputs.firstOrNull {
            it.index !in there
        }?.let { throw SignportException("nothing computes the output $it") }
        val elements = graph.tensors.filter { it.index in there }.sumOf { it.elements.toLong() }
        if (elements > MOST_ELEMENTS) throw SignportException("$elements numbers between its operators; too large")
    }

    private fun edge(numbers: IntArray?, tensors: List<Tensor>): List<Tensor> =
        (numbers ?: IntArray(0)).map { tensors[it] }.onEach {
            if (it.type != ElementType.FLOAT32) {
                throw SignportException(
                    "$it is at the edge of the model; only float32 is taken there, as signport exports it",
                )
            }
        }

    private fun name(operator: FlatTable): String {
        val code = codes[operator.int(0)]
        // Old files have their number in the byte that newer ones keep for numbers below 127.
        val number = maxOf(code.byte(0), code.int(3))
        return if (number == CUSTOM) "custom operator ${code.string(1)}" else OperatorNames.of(number)
    }

    private fun tensor(index: Int, table: FlatTable): Tensor {
        val name = table.string(3)
        val shape = table.ints(0) ?: IntArray(0)
        val code = table.byte(1)
        val type =
            ElementType.ofCode(code) ?: throw SignportException("tensor $index, $name: has elements of type $code")
        // A size that may change at run time has a stand-in here, 1 for the batch; it is evaluated as that.
        if (shape.any { it < 0 }) {
            throw SignportException(
                "tensor $index, $name: has shape ${shape.contentToString()}; only known sizes are evaluated here",
            )
        }
        if (table.boolean(5)) {
            throw SignportException("tensor $index, $name: keeps its value between calls; export the LSTM unrolled")
        }
        if (shape.fold(1L) { product, size -> minOf(product * size, MOST_ELEMENTS + 1) } > MOST_ELEMENTS) {
            throw SignportException("tensor $index, $name: has shape ${shape.contentToString()}, too large")
        }
        val constant = buffers[table.int(2)].bytes(0)?.takeIf { it.limit() > 0 }
        val tensor = Tensor(index, name, type, shape, quantization(table.table(4)), constant)
        if (constant != null && constant.limit() != tensor.elements * type.bytes) {
            throw SignportException(
                "tensor $index, $name: ${constant.limit()} bytes for shape ${shape.contentToString()}",
            )
        }
        return tensor
    }

    private fun quantization(table: FlatTable?): Quantization? {
        val scales = table?.floats(2)?.takeIf { it.isNotEmpty() } ?: return null
        val stored = table.longs(3) ?: LongArray(0)
        val zeroPoints = IntArray(scales.size) { Math.toIntExact(stored.getOrElse(it) { stored.firstOrNull() ?: 0L }) }
        return Quantization(scales, zeroPoints, table.int(6))
    }

    internal companion object {
        private const val CUSTOM = 32
        private const val MARK = "TFL3"
        private const val MARK_AT = 4
        private const val LEAST_BYTES = 8
        private const val MOST_ELEMENTS = 1L shl 26

        /**
         * The graph of a file.
         *
         * @throws SignportException The bytes are no `.tflite`, are damaged, or hold what cannot be evaluated here.
         */
        fun read(content: ByteArray): Graph {
            if (content.size < LEAST_BYTES || String(content, MARK_AT, MARK.length, Charsets.ISO_8859_1) != MARK) {
                throw SignportException("not a .tflite file (no $MARK mark)")
            }
            try {
                return GraphReader(FlatTable.root(content)).graph()
            } catch (error: IndexOutOfBoundsException) {
                throw damaged(error)
            } catch (error: IllegalArgumentException) {
                throw damaged(error)
            } catch (error: ArithmeticException) {
                throw damaged(error)
            } catch (error: BufferUnderflowException) {
                throw damaged(error)
            }
        }

        private fun damaged(error: Exception) =
            SignportException("damaged .tflite file (${error.message ?: error.javaClass.name}); copy it again", error)
    }
}

/** The same constant at another number, of half floats as floats. */
private fun Tensor.at(index: Int, type: ElementType): Tensor {
    val source = checkNotNull(constant).duplicate().order(ByteOrder.LITTLE_ENDIAN)
    val wide = ByteBuffer.allocate(elements * Float.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
    repeat(elements) { wide.putFloat(halfToFloat(source.getShort(it * Short.SIZE_BYTES))) }
    wide.rewind()
    return Tensor(index, name, type, shape, null, wide)
}

/** IEEE 754 binary16 as a float, exactly. */
internal fun halfToFloat(half: Short): Float {
    val bits = half.toInt() and 0xffff
    val sign = (bits and 0x8000) shl 16
    val exponent = (bits shr 10) and 0x1f
    val fraction = bits and 0x3ff
    return when (exponent) {
        // Below the least normal one, steps are of 2^-24.
        0 -> (fraction / 16_777_216f).let { if (sign == 0) it else -it }

        0x1f -> Float.fromBits(sign or 0x7f80_0000 or (fraction shl 13))

        else -> Float.fromBits(sign or ((exponent + 112) shl 23) or (fraction shl 13))
    }
}
