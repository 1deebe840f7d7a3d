package signport.runtime.graph

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import signport.runtime.Runs
import signport.runtime.SignportException
import signport.runtime.SignportModel
import java.util.Random

internal class GraphReaderTest {
    @Test
    fun `what is no tflite is refused`() {
        for (content in listOf(ByteArray(0), ByteArray(7), ByteArray(4096), "PK not a model at all".toByteArray())) {
            val error = assertThrows(SignportException::class.java) { SignportModel.fromBytes(content, "x.tflite") }
            assertEquals("x.tflite: not a .tflite file (no TFL3 mark)", error.message)
        }
    }

    @Test
    fun `half floats are widened exactly`() {
        val halves = mapOf(
            0x0000 to 0f, 0x8000 to -0f, 0x3c00 to 1f, 0xc000 to -2f, 0x7bff to 65504f, 0x0400 to 6.103515625e-5f,
            0x0001 to 5.9604644775390625e-8f, 0x83ff to -6.097555160522461e-5f, 0x3555 to 0.333251953125f,
            0x7c00 to Float.POSITIVE_INFINITY, 0xfc00 to Float.NEGATIVE_INFINITY,
        )
        for ((bits, value) in halves) assertEquals(value.toRawBits(), halfToFloat(bits.toShort()).toRawBits(), "$bits")
        assertTrue(halfToFloat(0x7e00).isNaN())
    }

    /** A damaged file is refused in words, or still is a model: nothing else is thrown, and nothing hangs. */
    @TestFactory
    fun `damaged files are refused in words`(): List<DynamicTest> = Runs.models { file ->
        val whole = file.readBytes()
        val structure = structureOf(whole)
        val random = Random(SEED)
        var refused = 0
        repeat(DAMAGES) {
            val content = if (random.nextInt(4) == 0) whole.copyOf(random.nextInt(whole.size)) else whole.copyOf()
            repeat(1 + random.nextInt(8)) {
                val at = structure[random.nextInt(structure.size)]
                if (at < content.size) content[at] = random.nextInt(256).toByte()
            }
            try {
                SignportModel.fromBytes(content, "damaged").newSession().run()
            } catch (error: SignportException) {
                assertTrue(error.message.orEmpty().startsWith("damaged: "), "$error")
                refused++
            }
        }
        assertTrue(refused > 0)
    }

    /** Where a file's tables are: most bytes are weights, which may be anything. */
    private fun structureOf(content: ByteArray): IntArray {
        val isWeight = BooleanArray(content.size)
        for (constant in GraphReader.read(content).tensors.mapNotNull { it.constant }) {
            if (constant.hasArray() && constant.array() === content) {
                isWeight.fill(true, constant.arrayOffset(), constant.arrayOffset() + constant.limit())
            }
        }
        return content.indices.filterNot { isWeight[it] }.toIntArray()
    }

    private companion object {
        const val SEED = 6L
        const val DAMAGES = 60
    }
}
