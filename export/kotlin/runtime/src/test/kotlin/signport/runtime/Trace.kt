package signport.runtime

import signport.runtime.graph.ElementType
import signport.runtime.graph.Graph
import signport.runtime.graph.Tensor
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * What LiteRT's reference kernels made of a file, tensor by tensor: `tests/kotlin/reference.py` writes it.
 *
 * @property tensors Which tensors, inputs first.
 */
internal class Trace(file: File, graph: Graph) {
    private val content: ByteBuffer = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
    val samples: Int
    val tensors: List<Tensor>
    private val starts: Map<Int, Int>
    private val sampleBytes: Int
    private val first: Int

    init {
        check(content.getInt() == MAGIC) { "$file is no trace" }
        samples = content.getInt()
        tensors = List(content.getInt()) { graph.tensors[content.getInt()] }
        first = content.position()
        val sizes = tensors.map { it.elements * it.type.bytes }
        sampleBytes = sizes.sum()
        starts = tensors.mapIndexed { place, tensor -> tensor.index to sizes.take(place).sum() }.toMap()
        check(content.capacity() == first + samples * sampleBytes) { "$file has ${content.capacity()} bytes" }
    }

    fun holds(tensor: Tensor): Boolean = tensor.index in starts

    /** The elements of a tensor in one sample: a FloatArray, IntArray or ByteArray, as a session has it. */
    fun values(sample: Int, tensor: Tensor): Any {
        val at = first + sample * sampleBytes + starts.getValue(tensor.index)
        return when (tensor.type) {
            ElementType.FLOAT32 -> FloatArray(tensor.elements) { content.getFloat(at + Float.SIZE_BYTES * it) }

            ElementType.INT32 -> IntArray(tensor.elements) { content.getInt(at + Int.SIZE_BYTES * it) }

            ElementType.INT64 -> IntArray(tensor.elements) {
                Math.toIntExact(content.getLong(at + Long.SIZE_BYTES * it))
            }

            else -> ByteArray(tensor.elements) { content.get(at + it) }
        }
    }

    private companion object {
        val MAGIC: Int = ByteBuffer.wrap("SPT1".toByteArray()).order(ByteOrder.LITTLE_ENDIAN).getInt()
    }
}
