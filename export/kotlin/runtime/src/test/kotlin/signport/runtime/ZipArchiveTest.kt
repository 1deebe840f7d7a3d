package signport.runtime

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.ByteArrayOutputStream
import java.util.zip.CRC32
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream

internal class ZipArchiveTest {
    private val text = ByteArray(300) { (it / 7).toByte() }

    private fun zip(method: Int): ByteArray {
        val bytes = ByteArrayOutputStream()
        ZipOutputStream(bytes).use { zip ->
            for (name in listOf("a.txt", "é.txt")) {
                val entry = ZipEntry(name)
                entry.method = method
                if (method == ZipEntry.STORED) {
                    entry.size = text.size.toLong()
                    entry.crc = CRC32().apply { update(text) }.value
                }
                zip.putNextEntry(entry)
                zip.write(text)
            }
            zip.setComment("by a test")
        }
        return bytes.toByteArray()
    }

    @Test
    fun `entries are read, stored or packed, also behind other content`() {
        for (method in listOf(ZipEntry.STORED, ZipEntry.DEFLATED)) {
            for (before in listOf(0, 1000)) {
                val archive = checkNotNull(ZipArchive.of(ByteArray(before) + zip(method)))
                assertEquals(setOf("a.txt", "é.txt"), archive.names)
                for (name in archive.names) assertArrayEquals(text, archive.read(name))
                assertNull(archive.read("b.txt"))
            }
        }
    }

    @Test
    fun `what holds no archive gives none`() {
        assertNull(ZipArchive.of(ByteArray(0)))
        assertNull(ZipArchive.of(ByteArray(1000)))
        assertNull(ZipArchive.of(zip(ZipEntry.STORED).dropLast(1).toByteArray()))
    }

    @Test
    fun `damage is told, wherever it is`() {
        val whole = zip(ZipEntry.DEFLATED)
        var told = 0
        for (at in whole.indices) {
            val damaged = whole.copyOf()
            damaged[at] = (damaged[at].toInt() xor 0x55).toByte()
            try {
                ZipArchive.of(damaged)?.let { archive -> archive.names.forEach { archive.read(it) } }
            } catch (error: SignportException) {
                told++
            }
        }
        assertTrue(told > 0)
        assertThrows<SignportException> { checkNotNull(ZipArchive.of(whole.drop(40).toByteArray())).read("a.txt") }
    }
}
