package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException
import signport.runtime.graph.ElementType
import kotlin.math.abs
import kotlin.math.tanh

/** Expected values that are written out here are those of LiteRT's reference kernels. */
internal class FloatElementwiseTest {
    private val odd = floatArrayOf(Float.NaN, -0f, 0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -2f, 7f, 1f)
    private val other = floatArrayOf(1f, 0f, -0f, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN, 6f, 1f)

    private fun binary(name: String, a: IntArray, b: IntArray, out: IntArray): List<Float> =
        OneOperator(name).floats(a, *counted(*a)).floats(b, *counted(*b)).output(*out).floats()

    private fun unary(name: String, vararg values: Float): List<Float> =
        OneOperator(name).floats(shape(values.size), *values).output(values.size).floats()

    /** Element [at] of a tensor of [shape] that is counted, spread over [out]. */
    private fun spread(shape: IntArray, out: IntArray, at: Int): Float {
        var rest = at
        var index = 0
        var stride = 1
        for (axis in out.indices.reversed()) {
            val place = rest % out[axis]
            rest /= out[axis]
            val own = axis - out.size + shape.size
            if (own < 0) continue
            if (shape[own] > 1) index += place * stride
            stride *= shape[own]
        }
        return index.toFloat()
    }

    @Test
    fun `shapes that broadcast meet as in NumPy`() {
        val cases = listOf(
            Triple(shape(2, 3), shape(2, 3), shape(2, 3)),
            Triple(shape(), shape(), shape()),
            Triple(shape(9), shape(), shape(9)),
            Triple(shape(), shape(3, 9), shape(3, 9)),
            Triple(shape(3, 9), shape(9), shape(3, 9)),
            Triple(shape(3, 9), shape(3, 1), shape(3, 9)),
            Triple(shape(3, 1), shape(1, 9), shape(3, 9)),
            Triple(shape(2, 1, 3), shape(4, 1), shape(2, 4, 3)),
            Triple(shape(1, 4, 1, 9), shape(5, 1, 2, 1), shape(5, 4, 2, 9)),
            Triple(shape(2, 1, 1, 3), shape(1, 1, 1, 1), shape(2, 1, 1, 3)),
        )
        for ((a, b, out) in cases) {
            val expected = List(elementsOf(out)) { 100f * spread(a, out, it) - spread(b, out, it) }
            val hundreds = counted(*a).map { it * 100f }.toFloatArray()
            val found = OneOperator("SUB").floats(a, *hundreds).floats(b, *counted(*b)).output(*out).floats()
            assertEquals(expected, found, "${a.toList()} and ${b.toList()}")
        }
    }

    @Test
    fun `shapes that do not broadcast are refused`() {
        val told = assertThrows(SignportException::class.java) { binary("ADD", shape(2, 3), shape(2), shape(2, 3)) }
        assertTrue("[2, 3] and [2]" in told.message.orEmpty(), told.message)
        assertThrows(SignportException::class.java) { binary("ADD", shape(2, 3), shape(3), shape(3, 2)) }
        assertThrows(SignportException::class.java) { binary("ADD", shape(1), shape(1), shape(2)) }
    }

    @Test
    fun `the second operand of MAXIMUM and MINIMUM wins where neither is larger`() {
        val infinity = Float.POSITIVE_INFINITY
        val first = OneOperator("MAXIMUM").floats(shape(8), *odd).floats(shape(8), *other).output(8).floats()
        assertEquals(listOf(1f, 0f, -0f, infinity, infinity, Float.NaN, 7f, 1f), first)
        val second = OneOperator("MAXIMUM").floats(shape(8), *other).floats(shape(8), *odd).output(8).floats()
        assertEquals(listOf(Float.NaN, -0f, 0f, infinity, infinity, -2f, 7f, 1f), second)
        val least = OneOperator("MINIMUM").floats(shape(8), *odd).floats(shape(8), *other).output(8).floats()
        assertEquals(listOf(1f, 0f, -0f, infinity, -infinity, Float.NaN, 6f, 1f), least)
    }

    @Test
    fun `sums without an activation stop at the largest float`() {
        val sums = OneOperator("ADD").floats(shape(8), *odd).floats(shape(8), *other).output(8).floats()
        assertEquals(listOf(Float.NaN, 0f, 0f, Float.MAX_VALUE, Float.NaN, Float.NaN, 13f, 2f), sums)
    }

    @Test
    fun `activations limit and let NaN through`() {
        val x = floatArrayOf(-3f, -0.5f, 0.5f, 9f, Float.NaN)
        fun limited(code: Byte) =
            OneOperator("MUL", 0 to code).floats(shape(5), *x).floats(shape(), 1f).output(5).floats()
        assertEquals(listOf(0f, 0f, 0.5f, 9f, Float.NaN), limited(1))
        assertEquals(listOf(-1f, -0.5f, 0.5f, 1f, Float.NaN), limited(2))
        assertEquals(listOf(0f, 0f, 0.5f, 6f, Float.NaN), limited(3))
        for (code in listOf<Byte>(4, 5)) assertThrows(SignportException::class.java) { limited(code) }
        assertEquals(listOf(-1f, -0.5f, 0.5f, 1f, Float.NaN), unary("RELU_N1_TO_1", *x))
        assertEquals(listOf(Float.NaN, -0f, 0f), unary("RELU", Float.NaN, -0f, -1f))
    }

    @Test
    fun `NaN equals nothing`() {
        fun holds(name: String): List<Byte> {
            val operator = OneOperator(name).floats(shape(8), *odd).floats(shape(8), *other).output(ElementType.BOOL, 8)
            return (operator.run()[0] as ByteArray).toList()
        }
        assertEquals(listOf<Byte>(0, 1, 1, 1, 0, 0, 0, 1), holds("EQUAL"))
        assertEquals(listOf<Byte>(1, 0, 0, 0, 1, 1, 1, 0), holds("NOT_EQUAL"))
        assertEquals(listOf<Byte>(0, 0, 0, 0, 1, 0, 0, 0), holds("LESS"))
        assertEquals(listOf<Byte>(0, 1, 1, 1, 0, 0, 1, 1), holds("GREATER_EQUAL"))
    }

    @Test
    fun `a condition chooses rows in SELECT and broadcasts in SELECT_V2`() {
        val rows = OneOperator("SELECT").booleans(shape(2), true, false)
            .floats(shape(2, 3), *counted(2, 3)).floats(shape(2, 3), *FloatArray(6) { -1f }).output(2, 3).floats()
        assertEquals(listOf(0f, 1f, 2f, -1f, -1f, -1f), rows)
        val columns = OneOperator("SELECT_V2").booleans(shape(3), true, false, true)
            .floats(shape(2, 1), 1f, 2f).floats(shape(), 0f).output(2, 3).floats()
        assertEquals(listOf(1f, 0f, 1f, 2f, 0f, 2f), columns)
    }

    @Test
    fun `halves round to even numbers`() {
        val rounded = unary("ROUND", -2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 2.4999998f, 8388609f)
        assertEquals(listOf(-2f, -2f, -0f, 0f, 2f, 2f, 2f, 8388609f), rounded)
    }

    @Test
    fun `powers of e agree to the bit`() {
        val x = floatArrayOf(-103.9f, -87.4f, -9.5f, -1.7f, 0.3f, 2.9f, 16.7f, 88.7f)
        val powers = intArrayOf(1, 7872832, 949811653, 1044058467, 1068288045, 1100047527, 1267238421, 2138716156)
        assertEquals(powers.map { Float.fromBits(it) }, unary("EXP", *x))
        val shares = intArrayOf(1, 7872832, 949811653, 1042164772, 1058213546, 1064478225, 1065353216, 1065353216)
        assertEquals(shares.map { Float.fromBits(it) }, unary("LOGISTIC", *x))
        val edges = unary("EXP", Float.NaN, 88.73f, -104f, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY)
        assertEquals(listOf(Float.NaN, Float.POSITIVE_INFINITY, 0f, 0f, Float.POSITIVE_INFINITY), edges)
    }

    @Test
    fun `tanh is right to the last digit`() {
        val edges = floatArrayOf(1e-20f, -2.5e-4f, 30f, Float.NEGATIVE_INFINITY)
        val x = FloatArray(20_001) { (it - 10_000) / 1000f } + edges
        unary("TANH", *x).forEachIndexed { at, found ->
            val exact = tanh(x[at].toDouble()).toFloat()
            assertTrue(abs(exact - found) <= Math.ulp(exact), "tanh(${x[at]}) is $exact, found $found")
        }
        assertTrue(unary("TANH", Float.NaN)[0].isNaN())
    }

    @Test
    fun `NaN as an integer is the largest one`() {
        val cast = OneOperator("CAST").floats(shape(5), 1.9f, -1.9f, Float.NaN, 3e9f, -3e9f)
        val found = cast.output(ElementType.INT32, 5).run()[0] as IntArray
        assertEquals(listOf(1, -1, Int.MAX_VALUE, Int.MAX_VALUE, Int.MIN_VALUE), found.toList())
    }

    @Test
    fun `shares of softmax follow beta`() {
        val operator = OneOperator("SOFTMAX", 0 to 0.5f).floats(shape(2, 4), 1f, 2f, 3f, 4f, 1000f, 0f, -1000f, 1000f)
        val first = listOf(1037038151, 1043033150, 1049448561, 1055456478).map { Float.fromBits(it) }
        assertEquals(first + listOf(0.5f, 0f, 0f, 0.5f), operator.output(2, 4).floats())
    }
}
