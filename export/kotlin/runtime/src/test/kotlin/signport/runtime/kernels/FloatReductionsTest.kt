package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import signport.runtime.SignportException

/** Expected values are those of LiteRT's reference kernels. */
internal class FloatReductionsTest {
    private val nan = Float.NaN

    private fun reduced(
        name: String,
        shape: IntArray,
        values: FloatArray,
        axes: IntArray,
        out: IntArray,
        keeps: Boolean = false,
    ): List<Float> = OneOperator(name, 0 to keeps).floats(shape, *values).constants(*axes).output(*out).floats()

    @Test
    fun `sums run over any axes`() {
        fun sums(axes: IntArray, out: IntArray, keeps: Boolean = false) =
            reduced("SUM", shape(2, 3, 4), counted(2, 3, 4), axes, out, keeps)
        val first = listOf(12f, 14f, 16f, 18f, 20f, 22f, 24f, 26f, 28f, 30f, 32f, 34f)
        assertEquals(first, sums(shape(0), shape(3, 4)))
        assertEquals(listOf(12f, 15f, 18f, 21f, 48f, 51f, 54f, 57f), sums(shape(-2), shape(2, 4)))
        assertEquals(listOf(6f, 22f, 38f, 54f, 70f, 86f), sums(shape(2), shape(2, 3)))
        assertEquals(listOf(60f, 92f, 124f), sums(shape(-1, 0), shape(1, 3, 1), true))
        assertEquals(listOf(276f), sums(shape(0, 1, 2), shape()))
        assertEquals(counted(2, 3, 4).toList(), sums(shape(), shape(2, 3, 4)))
    }

    @Test
    fun `sums are taken in order`() {
        assertEquals(listOf(0f), reduced("SUM", shape(3), floatArrayOf(1e8f, 1f, -1e8f), shape(0), shape()))
        assertEquals(listOf(1f), reduced("SUM", shape(3), floatArrayOf(1e8f, -1e8f, 1f), shape(0), shape()))
    }

    @Test
    fun `means divide by what they reduce`() {
        assertEquals(listOf(1f, 4f), reduced("MEAN", shape(2, 3), counted(2, 3), shape(1), shape(2)))
        assertEquals(listOf(2.5f), reduced("MEAN", shape(2, 3), counted(2, 3), shape(0, 1), shape(1, 1), true))
    }

    @Test
    fun `largest and least pass over NaN`() {
        val rows = floatArrayOf(nan, 1f, 2f, 1f, nan, 2f, nan, nan, nan)
        assertEquals(listOf(2f, 2f, -Float.MAX_VALUE), reduced("REDUCE_MAX", shape(3, 3), rows, shape(1), shape(3)))
        assertEquals(listOf(1f, 1f, Float.MAX_VALUE), reduced("REDUCE_MIN", shape(3, 3), rows, shape(1), shape(3)))
    }

    @Test
    fun `over a whole tensor, NaN in front stays`() {
        assertEquals(listOf(nan), reduced("REDUCE_MAX", shape(1, 3), floatArrayOf(nan, 1f, 2f), shape(0, 1), shape()))
        assertEquals(listOf(2f), reduced("REDUCE_MAX", shape(1, 3), floatArrayOf(nan, 1f, 2f), shape(1), shape(1)))
        assertEquals(listOf(2f), reduced("REDUCE_MAX", shape(3), floatArrayOf(2f, nan, 1f), shape(0), shape()))
        assertEquals(listOf(nan), reduced("REDUCE_MIN", shape(2), floatArrayOf(nan, 1f), shape(-1), shape()))
    }

    @Test
    fun `an axis or an output that does not fit is refused`() {
        fun refused(axis: Int, out: IntArray) = assertThrows(SignportException::class.java) {
            reduced("SUM", shape(2, 3), counted(2, 3), shape(axis), out)
        }
        refused(2, shape(2))
        refused(1, shape(3))
        refused(1, shape(2, 1))
    }
}
