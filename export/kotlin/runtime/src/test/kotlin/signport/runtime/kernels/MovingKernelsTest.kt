package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException
import signport.runtime.graph.ElementType

internal class MovingKernelsTest {
    private fun listOfFloats(vararg values: Int): List<Float> = values.map { it.toFloat() }

    private fun refused(told: String, operator: () -> OneOperator) {
        val error = assertThrows(SignportException::class.java) { operator().run() }
        assertTrue(told in error.message.orEmpty(), error.message)
    }

    private fun cut(begins: IntArray, ends: IntArray, steps: IntArray, out: IntArray, vararg masks: Pair<Int, Int>) =
        OneOperator("STRIDED_SLICE", *masks).floats(shape(2, 3, 4), *counted(2, 3, 4))
            .constants(*begins).constants(*ends).constants(*steps).output(*out)

    @Test
    fun `slices go backwards and drop axes`() {
        // NumPy: x[::-1, 2:0:-1, -1]
        val found = cut(shape(0, 2, -1), shape(0, 0, 0), shape(-1, -1, 1), shape(2, 2), 0 to 1, 1 to 1, 4 to 4).floats()
        assertEquals(listOfFloats(23, 19, 11, 7), found)
    }

    @Test
    fun `an ellipsis stands for the axes between`() {
        // NumPy: x[..., 1:3]
        val found = cut(shape(0, 1), shape(0, 3), shape(1, 1), shape(2, 3, 2), 2 to 1).floats()
        assertEquals(listOfFloats(1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22), found)
    }

    @Test
    fun `a new axis takes none of the input`() {
        // NumPy: x[1, None, ::2]
        val found = cut(shape(1, 0, 0), shape(0, 0, 0), shape(1, 1, 2), shape(1, 2, 4), 1 to 4, 3 to 2, 4 to 1).floats()
        assertEquals(listOfFloats(12, 13, 14, 15, 20, 21, 22, 23), found)
    }

    @Test
    fun `slices beyond an axis end with it`() {
        val found = cut(shape(-1, -9, 0), shape(9, 9, 1), shape(1, 1, 1), shape(1, 3, 1)).floats()
        assertEquals(listOfFloats(12, 16, 20), found)
        refused("takes element 2 of 2") { cut(shape(2), shape(3), shape(1), shape(3, 4), 4 to 1) }
        refused("stride 0") { cut(shape(0), shape(1), shape(0), shape(1, 3, 4)) }
        refused("for t4") { cut(shape(0), shape(1), shape(1), shape(2, 3, 4)) }
    }

    @Test
    fun `axes change places up to rank 5`() {
        val sizes = shape(2, 3, 1, 4, 5)
        val order = shape(4, 0, 3, 2, 1)
        val out = order.map { sizes[it] }.toIntArray()
        val found = OneOperator("TRANSPOSE").floats(sizes, *counted(*sizes)).constants(*order).output(*out).floats()
        var at = 0
        for (e in 0 until 5) {
            for (a in 0 until 2) {
                for (d in 0 until 4) {
                    for (b in 0 until 3) assertEquals((((a * 3 + b) * 4 + d) * 5 + e).toFloat(), found[at++])
                }
            }
        }
        refused("order [0, 0]") {
            OneOperator("TRANSPOSE").floats(shape(2, 2), *counted(2, 2)).constants(0, 0).output(2, 2)
        }
    }

    @Test
    fun `constant and computed indices gather the same`() {
        val expected = listOfFloats(8, 9, 10, 11, 0, 1, 2, 3, 20, 21, 22, 23, 12, 13, 14, 15)
        fun gather() = OneOperator("GATHER", 0 to 1).floats(shape(2, 3, 4), *counted(2, 3, 4))
        assertEquals(expected, gather().constants(2, 0).output(2, 2, 4).floats())
        assertEquals(expected, gather().ints(2, 0).output(2, 2, 4).floats())
        refused("takes element 3 of 3") { gather().constants(0, 3).output(2, 2, 4) }
        refused("takes element -1 of 3") { gather().ints(0, -1).output(2, 2, 4) }
    }

    @Test
    fun `parts join and split along an inner axis`() {
        val joined = OneOperator("CONCATENATION", 0 to -2).floats(shape(2, 1, 2), 0f, 1f, 2f, 3f)
            .floats(shape(2, 2, 2), *counted(2, 2, 2)).output(2, 3, 2).floats()
        assertEquals(listOfFloats(0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7), joined)
        fun split() = OneOperator("SPLIT", 0 to 2).constants(1).floats(shape(2, 4), *counted(2, 4)).output(2, 2)
        val (left, right) = split().output(2, 2).run()
        assertEquals(listOfFloats(0, 1, 4, 5), (left as FloatArray).toList())
        assertEquals(listOfFloats(2, 3, 6, 7), (right as FloatArray).toList())
        refused("sizes [2, 1]") { split().output(2, 1) }
        refused("activation RELU") {
            OneOperator("CONCATENATION", 1 to 1.toByte()).floats(shape(1), 1f).floats(shape(1), 1f).output(2)
        }
    }

    @Test
    fun `steps of an axis become tensors and come back`() {
        val packed =
            OneOperator("PACK", 0 to 2, 1 to -1).floats(shape(3), 0f, 1f, 2f).floats(shape(3), 3f, 4f, 5f).output(3, 2)
        assertEquals(listOfFloats(0, 3, 1, 4, 2, 5), packed.floats())
        val steps = OneOperator("UNPACK", 0 to 2, 1 to 1).floats(shape(3, 2), *counted(3, 2)).output(3).output(3).run()
        assertEquals(listOf(listOfFloats(0, 2, 4), listOfFloats(1, 3, 5)), steps.map { (it as FloatArray).toList() })
        refused("1 parts") { OneOperator("UNPACK", 0 to 2, 1 to 1).floats(shape(3, 2), *counted(3, 2)).output(3) }
    }

    @Test
    fun `zeros surround what is padded, and slices take it out again`() {
        val padded = OneOperator("PAD").floats(shape(2, 2), 1f, 2f, 3f, 4f).constants(0, 1, 2, 0).output(3, 4).floats()
        assertEquals(listOfFloats(0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0), padded)
        val found = OneOperator("SLICE").floats(shape(3, 4), *padded.toFloatArray()).constants(0, 2).constants(2, -1)
        assertEquals(listOfFloats(1, 2, 3, 4), found.output(2, 2).floats())
    }

    @Test
    fun `of equal values the first ones are on top`() {
        val rows = floatArrayOf(2f, 5f, 5f, -1f, 5f, 2f, 0f, 0f, 0f, 0f, 0f, -0f)
        val (values, places) = OneOperator("TOPK_V2").floats(shape(2, 6), *rows)
            .constants(4).output(2, 4).output(ElementType.INT32, 2, 4).run()
        assertEquals(listOf(5f, 5f, 5f, 2f, 0f, 0f, 0f, 0f), (values as FloatArray).toList())
        assertEquals(listOf(1, 2, 4, 0, 0, 1, 2, 3), (places as IntArray).toList())
    }

    @Test
    fun `booleans move too, and int8 only without a new scale`() {
        val turned = OneOperator("TRANSPOSE").booleans(shape(1, 2), true, false).constants(1, 0)
        assertEquals(listOf<Byte>(1, 0), (turned.output(ElementType.BOOL, 2, 1).run()[0] as ByteArray).toList())
        refused("different scales") {
            OneOperator("SQUEEZE").quantized(shape(1, 2), 0.5f).output(ElementType.INT8, 2, scale = 0.25f)
        }
        refused("to t1 INT32") { OneOperator("RESHAPE").floats(shape(1, 2), 1f, 2f).output(ElementType.INT32, 2) }
    }
}
