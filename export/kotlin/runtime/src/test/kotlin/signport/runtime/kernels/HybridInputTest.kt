package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

internal class HybridInputTest {
    @Test
    fun `asymmetric steps span what is there and zero`() {
        val input = HybridInput(4, asymmetric = true)
        input.read(floatArrayOf(9f, -166f, 89f, 0.499999f, 2.5f), 1, 4)
        assertEquals(1f, input.scale)
        assertEquals(38, input.zeroPoint)
        // Rounded before the zero point is added: beside 38, a float32 takes the third for a half.
        assertArrayEquals(byteArrayOf(-128, 127, 38, 41), input.values)
    }

    @Test
    fun `numbers of one sign still leave zero a place`() {
        val input = HybridInput(2, asymmetric = true)
        input.read(floatArrayOf(255f, 510f), 0, 2)
        assertEquals(listOf(2f, -128), listOf(input.scale, input.zeroPoint))
        assertArrayEquals(byteArrayOf(0, 127), input.values)
    }

    @Test
    fun `symmetric steps have zero at zero`() {
        val input = HybridInput(3, asymmetric = false)
        input.read(floatArrayOf(-254f, 3f, 100f), 0, 3)
        assertEquals(listOf(2f, 0), listOf(input.scale, input.zeroPoint))
        assertArrayEquals(byteArrayOf(-127, 2, 50), input.values)
    }

    @Test
    fun `zeros after other numbers are zeros`() {
        for (asymmetric in listOf(false, true)) {
            val input = HybridInput(2, asymmetric)
            input.read(floatArrayOf(-3f, 8f), 0, 2)
            input.read(FloatArray(2), 0, 2)
            assertEquals(listOf(1f, 0), listOf(input.scale, input.zeroPoint))
            assertArrayEquals(ByteArray(2), input.values)
        }
    }
}
