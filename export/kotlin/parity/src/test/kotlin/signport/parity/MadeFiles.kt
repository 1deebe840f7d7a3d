package signport.parity

import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream

/** Files that tests make: arrays as NumPy writes them, and a job of a few samples. */
internal object MadeFiles {
    fun npy(kind: String, shape: List<Int>, content: ByteArray, header: String? = null, version: Int = 1): ByteArray {
        val sizes = shape.joinToString("") { "$it, " }
        val told = header ?: "{'descr': '$kind', 'fortran_order': False, 'shape': ($sizes), }"
        val length = ByteBuffer.allocate(if (version == 1) 2 else 4).order(ByteOrder.LITTLE_ENDIAN)
        if (version == 1) length.putShort(told.length.toShort()) else length.putInt(told.length)
        val start = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray() + byteArrayOf(version.toByte(), 0)
        return start + length.array() + told.toByteArray() + content
    }

    fun floats(shape: List<Int>, vararg values: Float): ByteArray =
        npy("<f4", shape, bytes(4 * values.size) { for (value in values) putFloat(value) })

    fun rows(values: Array<FloatArray>): ByteArray =
        floats(listOf(values.size, values[0].size), *values.flatMap { it.toList() }.toFloatArray())

    fun longs(vararg values: Long): ByteArray =
        npy("<i8", listOf(values.size), bytes(8 * values.size) { for (value in values) putLong(value) })

    fun texts(values: List<String>): ByteArray {
        val length = maxOf(1, values.maxOf { it.length })
        val content =
            bytes(4 * length * values.size) {
                for (value in values) for (at in 0 until length) putInt(value.getOrNull(at)?.code ?: 0)
            }
        return npy("<U$length", listOf(values.size), content)
    }

    fun zip(entries: Map<String, ByteArray>, stored: Boolean = false): ByteArray {
        val found = ByteArrayOutputStream()
        ZipOutputStream(found).use { stream ->
            for ((name, content) in entries) {
                val entry = ZipEntry(name)
                if (stored) {
                    entry.method = ZipEntry.STORED
                    entry.size = content.size.toLong()
                    entry.crc = CRC32().apply { update(content) }.value
                }
                stream.putNextEntry(entry)
                stream.write(content)
            }
        }
        return found.toByteArray()
    }

    fun bytes(size: Int, fill: ByteBuffer.() -> Unit): ByteArray =
        ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).apply(fill).array()
}

/** An export folder in memory. */
internal class MadeExport(val files: Map<String, ByteArray>) : ExportFiles {
    override val name: String
        get() = "made"

    override fun open(file: String): InputStream? = files[file]?.let(::ByteArrayInputStream)
}
