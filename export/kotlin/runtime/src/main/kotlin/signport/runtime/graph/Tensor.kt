package signport.runtime.graph

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Types of a tensor's elements, in the order of TFLite's `TensorType`. */
internal enum class ElementType(val bytes: Int) {
    FLOAT32(4),
    FLOAT16(2),
    INT32(4),
    UINT8(1),
    INT64(8),
    STRING(0),
    BOOL(1),
    INT16(2),
    COMPLEX64(8),
    INT8(1),
    ;

    internal companion object {
        fun ofCode(code: Int): ElementType? = values().getOrNull(code)
    }
}

/**
 * How int8 and int32 stand for real numbers: `real = scale · (stored − zeroPoint)`.
 *
 * @property scales One for the whole tensor, or one for each index of [axis].
 * @property zeroPoints As many as scales.
 * @property axis The dimension that several scales belong to.
 */
internal class Quantization(val scales: FloatArray, val zeroPoints: IntArray, val axis: Int) {
    val scale: Float get() = scales[0]
    val zeroPoint: Int get() = zeroPoints[0]
}

/**
 * A tensor of a graph; what it holds lies in [Memory], except for constants.
 *
 * @property index Its number in the graph.
 * @property shape Sizes; batch first. Never unknown.
 * @property quantization None for float tensors.
 * @property constant Its elements, little-endian, where they are part of the file.
 */
internal class Tensor(
    val index: Int,
    val name: String,
    val type: ElementType,
    val shape: IntArray,
    val quantization: Quantization?,
    val constant: ByteBuffer?,
) {
    val rank: Int get() = shape.size
    val elements: Int = shape.fold(1) { product, size -> product * size }
    val isConstant: Boolean get() = constant != null

    override fun toString(): String = "$name $type${shape.contentToString()}"

    fun constantFloats(): FloatArray {
        val source = readable()
        return FloatArray(elements) { source.getFloat(it * Float.SIZE_BYTES) }
    }

    fun constantInts(): IntArray {
        val source = readable()
        return if (type == ElementType.INT64) {
            IntArray(elements) { Math.toIntExact(source.getLong(it * Long.SIZE_BYTES)) }
        } else {
            IntArray(elements) { source.getInt(it * Int.SIZE_BYTES) }
        }
    }

    fun constantBytes(): ByteArray {
        val source = readable()
        return ByteArray(elements) { source.get(it) }
    }

    private fun readable(): ByteBuffer = checkNotNull(constant) {
        "$this is no constant"
    }.duplicate().order(ByteOrder.LITTLE_ENDIAN)
}
