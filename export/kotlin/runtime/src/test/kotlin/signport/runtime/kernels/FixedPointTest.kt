package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.math.BigInteger
import java.util.Random
import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.ln
import kotlin.math.sqrt
import kotlin.math.tanh

internal class FixedPointTest {
    private val random = Random(6)

    @Test
    fun `a factor comes back as its fraction and power of two`() {
        for (real in doubleArrayOf(1.0, 0.5, 0.7, 1e-5, 3.0, 1000.7, 0.99999999999)) {
            val found = Multiplier.of(real)
            assertEquals(real, found.factor * Math.scalb(1.0, found.shift - 31), real * 5e-10)
            assertEquals(true, found.factor >= 1 shl 30, "$real: ${found.factor}")
        }
    }

    @Test
    fun `a factor too small for a shift of 31 is nothing`() {
        assertEquals(0, Multiplier.of(Math.scalb(0.9, -32)).factor)
        assertEquals(1 shl 30, Multiplier.of(Math.scalb(1.0, -32)).factor)
        assertEquals(0, Multiplier.of(0.0) * 12345)
    }

    @Test
    fun `the high product rounds as gemmlowp's division by 2^31 does`() {
        val edges = listOf(1, -1, 3, -3, 1 shl 30, -(1 shl 30), Int.MIN_VALUE, Int.MAX_VALUE)
        val numbers = List(400) { random.nextInt() } + edges
        for (a in numbers) {
            for (b in listOf(1 shl 30, 1 shl 29, 3 shl 28, Int.MAX_VALUE, Int.MIN_VALUE, -5, random.nextInt())) {
                if (a == Int.MIN_VALUE && b == Int.MIN_VALUE) continue
                val product = BigInteger.valueOf(a.toLong()) * BigInteger.valueOf(b.toLong())
                val nudge = if (product.signum() >= 0) 1L shl 30 else 1 - (1L shl 30)
                val expected = (product + BigInteger.valueOf(nudge)) / BigInteger.valueOf(1L shl 31)
                assertEquals(expected.toInt(), highProduct(a, b), "$a · $b")
            }
        }
        assertEquals(Int.MAX_VALUE, highProduct(Int.MIN_VALUE, Int.MIN_VALUE))
    }

    @Test
    fun `a rounded shift takes halves away from zero`() {
        assertEquals(listOf(3, -3, 2, -2, 0, 1, -1), listOf(5, -5, 3, -3, 0, 1, -1).map { roundedShift(it, 1) })
        assertEquals(listOf(1, -1, 0, 0), listOf(2, -2, 1, -1).map { roundedShift(it, 2) })
        assertEquals(listOf(7, -7), listOf(7, -7).map { roundedShift(it, 0) })
        assertEquals(listOf(1, -1, 0), listOf(Int.MAX_VALUE, Int.MIN_VALUE, 5).map { roundedShift(it, 31) })
    }

    @Test
    fun `one rounding and two differ where the first makes a half`() {
        val factor = Multiplier.of(0.25 * (1 - 2e-9))
        assertEquals(-2, factor.shift)
        // 1.4999999…: to 6 quarters first, and that is a half.
        assertEquals(2, factor * 6)
        assertEquals(1, scaledOnce(6, factor.factor, factor.shift))
        assertEquals(-2, factor * -6)
        assertEquals(-1, scaledOnce(-6, factor.factor, factor.shift))
    }

    @Test
    fun `halves are rounded away from zero`() {
        val given = listOf(0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 0.49999997f, -0.49999997f)
        assertEquals(listOf(1, -1, 2, 3, -3, 0, 0), given.map(::roundHalfAway))
        assertEquals(listOf(1L, -1L, 0L), listOf(0.5, -0.5, 0.49999999999999994).map(::roundHalfAway))
        assertEquals(listOf(0, Int.MAX_VALUE, Int.MIN_VALUE), listOf(Float.NaN, 1e20f, -1e20f).map(::roundHalfAway))
    }

    @Test
    fun `fixed-point curves follow the real ones`() {
        val one = Math.scalb(1.0, 31)
        for (step in 1..1000) {
            val x = 16.0 * step / 1001
            val raw = (x * (1 shl 27)).toInt()
            assertEquals(exp(-x), fixedExp(-raw, 4) / one, 3e-7, "e^-$x")
            assertEquals(1 / (1 + exp(-x)), fixedLogistic(raw) / one, 3e-7, "logistic of $x")
            assertEquals(1 / (1 + exp(x)), fixedLogistic(-raw) / one, 3e-7, "logistic of -$x")
            assertEquals(tanh(x), fixedTanh(raw) / one, 3e-7, "tanh $x")
            assertEquals(-tanh(x), fixedTanh(-raw) / one, 3e-7, "tanh -$x")
        }
        assertEquals(Int.MAX_VALUE, fixedExp(0, 5))
        assertEquals(listOf(1 shl 30, 0), listOf(fixedLogistic(0), fixedTanh(0)))
    }

    @Test
    fun `the inverse root follows the real one for every size`() {
        for (value in listOf(1, 2, 3, 4, 5, 100, 255, 1 shl 20, (1 shl 29) - 1, 1 shl 29, Int.MAX_VALUE)) {
            val found = fixedInverseRoot(value)
            val real = found.factor * Math.scalb(1.0, found.shift - 31)
            assertEquals(0.0, abs(ln(real * sqrt(value.toDouble()))), 2e-6, "1 / √$value")
        }
    }
}
