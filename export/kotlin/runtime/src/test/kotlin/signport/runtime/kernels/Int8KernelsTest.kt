package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException
import signport.runtime.graph.ElementType
import signport.runtime.graph.Graph
import signport.runtime.graph.Memory
import signport.runtime.graph.Operator
import signport.runtime.graph.Quantization
import signport.runtime.graph.Tensor
import java.nio.ByteBuffer

/** What traces of LiteRT's reference kernels cannot hold: numbers that it leaves to the processor, errors, refusals. */
internal class Int8KernelsTest {
    @Test
    fun `what is no number becomes the zero point, and what is too large the end`() {
        val operator = operator("QUANTIZE", float(1, 5), output = int8(1, 5, scale = 0.1f, zeroPoint = -3))
        val given = floatArrayOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e12f, -1e12f)
        val found = evaluate(operator) { memory -> given.copyInto(memory.floats(operator.input(0))) }
        assertArrayEquals(byteArrayOf(-3, 127, -128, 127, -128), found)
    }

    @Test
    fun `a negative number has no inverse root`() {
        val input = int8(1, 2, scale = 0.1f, zeroPoint = 5)
        val operator = operator("RSQRT", input, output = int8(1, 2, scale = 0.05f, zeroPoint = 0))
        evaluate(operator) { memory -> byteArrayOf(5, 6).copyInto(memory.bytes(input)) }
        val error = assertThrows(SignportException::class.java) {
            evaluate(operator) { memory -> byteArrayOf(5, 4).copyInto(memory.bytes(input)) }
        }
        assertTrue("negative" in error.message.orEmpty(), error.message)
    }

    @Test
    fun `an operator that LiteRT would evaluate otherwise is refused, and it says why`() {
        val plain = int8(1, 4, scale = 0.1f)
        val weights = int8(3, 4, scale = 0.1f, content = ByteArray(12))
        val shifted = int8(3, 4, scale = 0.1f, zeroPoint = 1, content = ByteArray(12))
        val two = perChannel(scales = 2, axis = 0)
        val across = perChannel(scales = 4, axis = 1)
        refuses("zero point other than 0", "FULLY_CONNECTED", plain, shifted, output = int8(1, 3, scale = 1f))
        refuses("2 scales along axis 0, not 3", "FULLY_CONNECTED", plain, two, output = int8(1, 3, scale = 1f))
        refuses("4 scales along axis 1", "FULLY_CONNECTED", plain, across, output = int8(1, 3, scale = 1f))
        refuses("has no scale", "FULLY_CONNECTED", unscaled(1, 4), weights, output = int8(1, 3, scale = 1f))
        refuses("not a constant", "FULLY_CONNECTED", plain, int8(3, 4, scale = 0.1f), output = int8(1, 3, scale = 1f))
        refuses("which int32 does not hold", "MUL", plain, plain, output = int8(1, 4, scale = 1e-20f))
        refuses("too small for its inputs", "ADD", plain, plain, output = int8(1, 4, scale = 1e-9f))
        refuses("not 0.00390625 and -128", "LOGISTIC", plain, output = int8(1, 4, scale = 0.1f))
        refuses("not 0.0078125 and 0", "TANH", plain, output = int8(1, 4, scale = 1f / 128, zeroPoint = 1))
        refuses("not 0.00390625 and -128", "SOFTMAX", plain, output = int8(1, 4, scale = 1f / 256))
        refuses("different scales", "MAXIMUM", plain, plain, output = int8(1, 4, scale = 0.2f))
        refuses("different scales", "CONCATENATION", plain, int8(1, 4, scale = 0.2f), output = int8(1, 8, scale = 0.1f))
        refuses("zero point 300", "DEQUANTIZE", int8(1, 4, scale = 0.1f, zeroPoint = 300), output = float(1, 4))
        refuses("scale NaN", "QUANTIZE", float(1, 4), output = int8(1, 4, scale = Float.NaN))
    }

    private fun refuses(why: String, name: String, vararg inputs: Tensor, output: Tensor) {
        val operator = operator(name, *inputs, output = output)
        val error = assertThrows(SignportException::class.java) { INT8_KERNELS.getValue(name).prepare(operator) }
        assertTrue(why in error.message.orEmpty() && name in error.message.orEmpty(), "$why: ${error.message}")
    }

    private fun evaluate(operator: Operator, fill: (Memory) -> Unit): ByteArray {
        val tensors = operator.inputs.filterNotNull() + operator.outputs
        val memory = Memory(Graph(tensors, operator.inputs.filterNotNull(), operator.outputs, listOf(operator)))
        fill(memory)
        INT8_KERNELS.getValue(operator.name).prepare(operator).bind(memory).run()
        return memory.bytes(operator.output)
    }

    /** Tensors are numbered in the order given. */
    private fun operator(name: String, vararg inputs: Tensor, output: Tensor): Operator {
        val numbered = (inputs.toList() + output).mapIndexed { index, it ->
            Tensor(index, it.name, it.type, it.shape, it.quantization, it.constant)
        }
        return Operator(0, name, numbered.dropLast(1), numbered.takeLast(1), null)
    }

    private fun float(vararg shape: Int) = tensor(ElementType.FLOAT32, shape, null, null)

    private fun unscaled(vararg shape: Int) = tensor(ElementType.INT8, shape, null, null)

    private fun perChannel(scales: Int, axis: Int): Tensor {
        val quantization = Quantization(FloatArray(scales) { 1f }, IntArray(scales), axis)
        return tensor(ElementType.INT8, intArrayOf(3, 4), quantization, ByteArray(12))
    }

    private fun int8(vararg shape: Int, scale: Float, zeroPoint: Int = 0, content: ByteArray? = null) =
        tensor(ElementType.INT8, shape, Quantization(floatArrayOf(scale), intArrayOf(zeroPoint), 0), content)

    private fun tensor(type: ElementType, shape: IntArray, quantization: Quantization?, content: ByteArray?) =
        Tensor(0, "t", type, shape, quantization, content?.let { ByteBuffer.wrap(it) })
}
