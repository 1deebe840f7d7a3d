package signport.runtime.kernels

import com.google.flatbuffers.FlatBufferBuilder
import signport.runtime.graph.ElementType
import signport.runtime.graph.FlatTable
import signport.runtime.graph.Graph
import signport.runtime.graph.Memory
import signport.runtime.graph.Operator
import signport.runtime.graph.Quantization
import signport.runtime.graph.Tensor
import java.nio.ByteBuffer
import java.nio.ByteOrder

internal fun shape(vararg sizes: Int): IntArray = sizes

/** 0, 1, 2, … in a shape. */
internal fun counted(vararg sizes: Int): FloatArray = FloatArray(elementsOf(sizes)) { it.toFloat() }

/** An operator of TFLite's name [name] alone; options by the number of their field, as Int, Byte, Float or Boolean. */
internal class OneOperator(private val name: String, vararg options: Pair<Int, Any>) {
    private val options: FlatTable = FlatTable.root(encoded(options))
    private val tensors = mutableListOf<Tensor>()
    private val inputs = mutableListOf<Tensor?>()
    private val outputs = mutableListOf<Tensor>()
    private val given = mutableMapOf<Tensor, Any>()

    fun floats(shape: IntArray, vararg values: Float): OneOperator =
        also { given[input(tensor(ElementType.FLOAT32, shape))] = values }

    fun ints(vararg values: Int): OneOperator =
        also { given[input(tensor(ElementType.INT32, shape(values.size)))] = values }

    fun booleans(shape: IntArray, vararg values: Boolean): OneOperator =
        also { given[input(tensor(ElementType.BOOL, shape))] = ByteArray(values.size) { if (values[it]) 1 else 0 } }

    fun quantized(shape: IntArray, scale: Float): OneOperator = also { input(tensor(ElementType.INT8, shape, scale)) }

    fun weights(shape: IntArray, vararg values: Float): OneOperator =
        constant(ElementType.FLOAT32, shape) { for (value in values) it.putFloat(value) }

    fun constants(vararg values: Int): OneOperator =
        constant(ElementType.INT32, shape(values.size)) { for (value in values) it.putInt(value) }

    fun none(): OneOperator = also { inputs += null }

    fun output(type: ElementType, vararg shape: Int, scale: Float? = null): OneOperator =
        also { outputs += tensor(type, shape, scale) }

    fun output(vararg shape: Int): OneOperator = output(ElementType.FLOAT32, *shape)

    /** The arrays of the outputs. */
    fun run(): List<Any> {
        val operator = Operator(0, name, inputs, outputs, options)
        val graph = Graph(tensors, given.keys.toList(), outputs, listOf(operator))
        val memory = Memory(graph)
        for ((tensor, values) in given) System.arraycopy(values, 0, memory.array(tensor), 0, tensor.elements)
        val kernel = checkNotNull(Kernels.factory(operator)) { "no $name" }.prepare(operator).bind(memory)
        // A second run on the same arrays has to find nothing of the first one.
        repeat(2) { kernel.run() }
        return outputs.map { memory.array(it) }
    }

    fun floats(): List<Float> = (run()[0] as FloatArray).toList()

    private fun input(tensor: Tensor): Tensor = tensor.also { inputs += it }

    private fun constant(type: ElementType, shape: IntArray, write: (ByteBuffer) -> Unit): OneOperator {
        val buffer = ByteBuffer.allocate(elementsOf(shape) * type.bytes).order(ByteOrder.LITTLE_ENDIAN)
        write(buffer)
        buffer.rewind()
        input(tensor(type, shape, null, buffer))
        return this
    }

    private fun tensor(type: ElementType, shape: IntArray, scale: Float? = null, constant: ByteBuffer? = null): Tensor {
        val quantization = scale?.let { Quantization(floatArrayOf(it), intArrayOf(0), 0) }
        return Tensor(tensors.size, "t${tensors.size}", type, shape, quantization, constant).also { tensors += it }
    }

    private fun encoded(options: Array<out Pair<Int, Any>>): ByteArray {
        val builder = FlatBufferBuilder().forceDefaults(true)
        builder.startTable(MOST_FIELDS)
        for ((field, value) in options) {
            when (value) {
                is Int -> builder.addInt(field, value, 0)
                is Byte -> builder.addByte(field, value, 0)
                is Float -> builder.addFloat(field, value, 0.0)
                is Boolean -> builder.addBoolean(field, value, false)
                else -> error("option $value")
            }
        }
        builder.finish(builder.endTable())
        return builder.sizedByteArray()
    }

    private companion object {
        const val MOST_FIELDS = 8
    }
}
