package signport.runtime.kernels

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException

/** Expected values that are written out here are those of LiteRT's reference kernels. */
internal class FloatProductsTest {
    private fun ones(vararg sizes: Int) = FloatArray(elementsOf(sizes)) { 1f }

    private fun fullyConnected(vararg options: Pair<Int, Any>) = OneOperator("FULLY_CONNECTED", *options)

    @Test
    fun `products are added in the order of inputs`() {
        fun sum(vararg x: Float) =
            fullyConnected().floats(shape(1, x.size), *x).weights(shape(1, x.size), *ones(x.size)).none()
                .output(1, 1).floats()
        for (zeros in 0..6) {
            val between = FloatArray(zeros)
            assertEquals(listOf(0f), sum(1e8f, *between, 1f, -1e8f))
            assertEquals(listOf(0f), sum(1e8f, 1f, *between, -1e8f))
            assertEquals(listOf(1f), sum(1e8f, *between, -1e8f, 1f))
            assertEquals(listOf(1f), sum(1e8f, -1e8f, *between, 1f))
        }
    }

    @Test
    fun `inputs of a higher rank are rows, and keep their rank where asked`() {
        val x = counted(2, 2, 3)
        val weights = floatArrayOf(1f, 0f, 0f, 1f, 1f, 1f)
        val expected = listOf(10f, 3f, 13f, 12f, 16f, 21f, 19f, 30f)
        fun rows(operator: OneOperator) =
            operator.floats(shape(2, 2, 3), *x).weights(shape(2, 3), *weights).weights(shape(2), 10f, 0f)
        assertEquals(expected, rows(fullyConnected()).output(4, 2).floats())
        assertEquals(expected, rows(fullyConnected(2 to true)).output(2, 2, 2).floats())
        assertThrows(SignportException::class.java) { rows(fullyConnected()).output(2, 2, 2).floats() }
        assertThrows(SignportException::class.java) { rows(fullyConnected(2 to true)).output(4, 2).floats() }
    }

    @Test
    fun `weights may be computed, and the bias comes before the activation`() {
        val operator = fullyConnected(0 to 1.toByte()).floats(shape(1, 2), 2f, 3f)
            .floats(shape(3, 2), 1f, 1f, -1f, 0f, 0f, -1f).weights(shape(3), -6f, 3f, 0f).output(1, 3)
        assertEquals(listOf(0f, 1f, 0f), operator.floats())
    }

    @Test
    fun `weights of another depth and shuffled ones are refused`() {
        val told = assertThrows(SignportException::class.java) {
            fullyConnected().floats(shape(1, 3), *ones(3)).weights(shape(2, 2), *ones(4)).none().output(1, 2).run()
        }
        assertTrue("depth 2" in told.message.orEmpty(), told.message)
        assertThrows(SignportException::class.java) {
            fullyConnected(1 to 1.toByte()).floats(shape(1, 2), *ones(2)).weights(shape(2, 2), *ones(4)).none()
                .output(1, 2).run()
        }
    }

    /** An image of 5 rows and 4 columns by a filter of 3 by 3, bias ½. */
    private fun convolved(rows: Int, columns: Int, vararg options: Pair<Int, Any>): List<Float> =
        OneOperator("CONV_2D", *options).floats(shape(1, 5, 4, 1), *FloatArray(20) { it + 1f })
            .weights(shape(1, 3, 3, 1), *FloatArray(9) { it + 1f }).weights(shape(1), 0.5f)
            .output(1, rows, columns, 1).floats()

    @Test
    fun `convolutions pad, stride and dilate as TFLite`() {
        val same = 0 to 0.toByte()
        val valid = 0 to 1.toByte()
        assertEquals(listOf(178.5f, 145.5f, 528.5f, 360.5f, 358.5f, 223.5f), convolved(3, 2, same, 1 to 2, 2 to 2))
        assertEquals(listOf(348.5f, 393.5f, 708.5f, 753.5f), convolved(2, 2, valid, 1 to 1, 2 to 2))
        val wide = listOf(111.5f, 145.5f, 231.5f, 252.5f, 363.5f, 360.5f, 495.5f, 468.5f, 261.5f, 223.5f)
        assertEquals(wide, convolved(5, 2, same, 1 to 3, 2 to 1))
        val dilated = listOf(
            194.5f, 222.5f, 170.5f, 194.5f, 306.5f, 334.5f, 266.5f, 290.5f, 429.5f, 462.5f,
            369.5f, 396.5f, 186.5f, 202.5f, 146.5f, 158.5f, 250.5f, 266.5f, 194.5f, 206.5f,
        )
        assertEquals(dilated, convolved(5, 4, same, 1 to 1, 2 to 1, 4 to 2, 5 to 2))
        assertThrows(SignportException::class.java) { convolved(5, 4, valid, 1 to 1, 2 to 1) }
        assertThrows(SignportException::class.java) { convolved(5, 4, same) }
    }

    @Test
    fun `a convolution in groups is refused`() {
        val told = assertThrows(SignportException::class.java) {
            OneOperator("CONV_2D", 1 to 1, 2 to 1).floats(shape(1, 1, 1, 4), *ones(4))
                .weights(shape(2, 1, 1, 2), *ones(4)).none().output(1, 1, 1, 2).run()
        }
        assertTrue("groups" in told.message.orEmpty(), told.message)
    }

    @Test
    fun `each channel of a depthwise convolution makes several`() {
        val operator = OneOperator("DEPTHWISE_CONV_2D", 0 to 1.toByte(), 1 to 1, 2 to 1, 3 to 2)
            .floats(shape(1, 2, 3, 2), *FloatArray(12) { it + 1f })
            .weights(shape(1, 2, 2, 4), *FloatArray(16) { it + 1f }).none().output(1, 1, 2, 4)
        assertEquals(listOf(196f, 216f, 272f, 296f, 252f, 280f, 344f, 376f), operator.floats())
    }

    @Test
    fun `matrices multiply turned or not, and broadcast over batches`() {
        val (rows, depth, columns) = listOf(2, 3, 5)
        for (turnsLeft in listOf(false, true)) {
            for (turnsRight in listOf(false, true)) {
                val left = if (turnsLeft) shape(4, 1, depth, rows) else shape(4, 1, rows, depth)
                val right = if (turnsRight) shape(3, columns, depth) else shape(3, depth, columns)
                val found = OneOperator("BATCH_MATMUL", 0 to turnsLeft, 1 to turnsRight)
                    .floats(left, *counted(*left)).floats(right, *counted(*right)).output(4, 3, rows, columns).floats()
                val expected = List(4 * 3 * rows * columns) { at ->
                    val (column, row) = at % columns to at / columns % rows
                    val (b, a) = at / (columns * rows) % 3 to at / (columns * rows) / 3
                    (0 until depth).sumOf { i ->
                        val x = a * rows * depth + if (turnsLeft) i * rows + row else row * depth + i
                        val y = b * depth * columns + if (turnsRight) column * depth + i else i * columns + column
                        x * y
                    }.toFloat()
                }
                assertEquals(expected, found, "left turned $turnsLeft, right turned $turnsRight")
            }
        }
        assertThrows(SignportException::class.java) {
            OneOperator("BATCH_MATMUL").floats(shape(2, 3), *ones(6)).floats(shape(2, 3), *ones(6)).output(2, 3).run()
        }
    }
}
