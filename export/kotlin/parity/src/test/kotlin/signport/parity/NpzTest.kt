package signport.parity

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException
import java.nio.ByteBuffer
import java.nio.ByteOrder

internal class NpzTest {
    private val arrays =
        mapOf(
            "input_landmarks.npy" to MadeFiles.floats(listOf(2, 1, 2), 1f, -2.5f, Float.NaN, 1e-20f),
            "label.npy" to MadeFiles.longs(3, -1),
            "name.npy" to MadeFiles.texts(listOf("Äb", "")),
            "image_0.npy" to MadeFiles.npy("|u1", listOf(3), byteArrayOf(1, -1, 0)),
            "small.npy" to MadeFiles.npy("<i4", listOf(), MadeFiles.bytes(4) { putInt(-7) }, version = 2),
            "flags.npy" to MadeFiles.npy("|b1", listOf(2), byteArrayOf(1, 0)),
        )

    private fun read(content: ByteArray) = Npz.read(content.inputStream(), "made.npz")

    private fun refused(kind: String, shape: List<Int>, content: ByteArray, header: String? = null): String {
        val array = MadeFiles.npy(kind, shape, content, header)
        return assertThrows(SignportException::class.java) { read(MadeFiles.zip(mapOf("a.npy" to array))) }
            .message
            .orEmpty()
    }

    @Test
    fun `stored and deflated arrays of every type are read as they were written`() {
        for (stored in listOf(true, false)) {
            val found = read(MadeFiles.zip(arrays, stored))
            assertEquals(listOf(2, 1, 2), found.getValue("input_landmarks").shape)
            assertArrayEquals(floatArrayOf(1f, -2.5f, Float.NaN, 1e-20f), found.getValue("input_landmarks").floats())
            assertArrayEquals(intArrayOf(3, -1), found.getValue("label").ints())
            assertEquals(listOf("Äb", ""), found.getValue("name").strings())
            assertArrayEquals(byteArrayOf(1, -1, 0), found.getValue("image_0").bytes())
            assertArrayEquals(intArrayOf(-7), found.getValue("small").ints())
            assertArrayEquals(intArrayOf(1, 0), found.getValue("flags").ints())
        }
    }

    @Test
    fun `an array of another type than asked for is refused by name`() {
        val message =
            assertThrows(SignportException::class.java) { read(MadeFiles.zip(arrays)).getValue("label").floats() }
                .message
        assertEquals("made.npz: label: holds elements of type <i8, expected <f4", message)
    }

    @Test
    fun `pickled objects, column order and odd types are refused`() {
        assertTrue("never pickled" in refused("|O", listOf(1), ByteArray(8)))
        assertTrue("never pickled" in refused("<f8", listOf(1), ByteArray(8)))
        assertTrue(
            "column" in
                refused("<f4", listOf(2), ByteArray(8), "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }"),
        )
        assertTrue("header" in refused("<f4", listOf(2), ByteArray(8), "__import__('os')"))
    }

    @Test
    fun `sizes that the content does not bear out are refused before memory is taken`() {
        assertTrue("8 bytes for shape" in refused("<f4", listOf(3), ByteArray(8)))
        assertTrue("bytes for shape" in refused("<f4", listOf(2_000_000_000, 2_000_000_000, 4), ByteArray(8)))
        assertTrue(
            "no array" in
                refused(
                    "<f4",
                    listOf(),
                    ByteArray(8),
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }",
                ),
        )
        assertTrue("bytes for shape" in refused("<U999999", listOf(1), ByteArray(8)))
    }

    @Test
    fun `an archive cut or changed anywhere is refused, never read wrongly`() {
        val whole = MadeFiles.zip(arrays)
        for (length in whole.indices step 7) {
            assertThrows(SignportException::class.java, { read(whole.copyOf(length)) }, "cut at $length")
        }
        for (at in whole.indices) {
            val changed = whole.copyOf()
            changed[at] = (changed[at] + 1).toByte()
            try {
                read(changed).values.forEach { it.size }
            } catch (ignored: SignportException) {
                continue
            }
        }
    }

    @Test
    fun `an archive that claims gigabytes is refused`() {
        val content = MadeFiles.zip(mapOf("a.npy" to ByteArray(10)))
        val buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
        val entry = (0 until content.size - 4).first { buffer.getInt(it) == 0x02014b50 }
        buffer.putInt(entry + 24, Int.MAX_VALUE)
        val message = assertThrows(SignportException::class.java) { read(content) }.message.orEmpty()
        assertTrue("unpacks to more than" in message, message)
    }

    @Test
    fun `entries behind padding are found, as in a bundle of MediaPipe`() {
        val content = MadeFiles.zip(mapOf("a" to byteArrayOf(5)), stored = true)
        assertArrayEquals(byteArrayOf(5), Archive.entries(ByteArray(3) + content, "padded").getValue("a"))
    }
}
