package signport.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * A zip archive in memory; it may stand behind other content, as the labels do in a `.tflite`.
 *
 * Read from its directory at the end, which a stream cannot do. Numbers of bytes are those of PKWARE's APPNOTE.TXT,
 * section 4.3.
 */
internal class ZipArchive private constructor(private val content: ByteBuffer, end: Int) {
    private class Entry(val method: Int, val packed: Int, val size: Int, val header: Int)

    private val entries = LinkedHashMap<String, Entry>()

    init {
        val directorySize = content.getInt(end + 12)
        // Offsets count from the archive's start, which is not the file's where other content was put before it.
        val shift = end - directorySize - content.getInt(end + 16)
        var at = end - directorySize
        repeat(short(end + 10)) {
            if (content.getInt(at) != DIRECTORY_MARK) throw IndexOutOfBoundsException("no entry at $at")
            val name = String(bytes(at + DIRECTORY_BYTES, short(at + 28)), Charsets.UTF_8)
            entries[name] =
                Entry(short(at + 10), content.getInt(at + 20), content.getInt(at + 24), shift + content.getInt(at + 42))
            at += DIRECTORY_BYTES + short(at + 28) + short(at + 30) + short(at + 32)
        }
    }

    val names: Set<String> get() = entries.keys

    /** The content of an entry; null where there is none of that name. */
    fun read(name: String): ByteArray? {
        val entry = entries[name] ?: return null
        return guarded {
            if (content.getInt(entry.header) != ENTRY_MARK) throw IndexOutOfBoundsException("no entry $name")
            val start = entry.header + ENTRY_BYTES + short(entry.header + 26) + short(entry.header + 28)
            val packed = bytes(start, entry.packed)
            when (entry.method) {
                STORED -> packed
                DEFLATED -> inflated(packed, entry.size)
                else -> throw SignportException("$name: packed by method ${entry.method}; store it without packing")
            }
        }
    }

    private fun inflated(packed: ByteArray, size: Int): ByteArray {
        if (size < 0 || size > MOST_BYTES) throw IndexOutOfBoundsException("an entry of $size bytes")
        val whole = ByteArray(size)
        val inflater = Inflater(true)
        try {
            inflater.setInput(packed)
            if (inflater.inflate(whole) != size) throw IndexOutOfBoundsException("an entry that is cut short")
        } finally {
            inflater.end()
        }
        return whole
    }

    private fun short(at: Int): Int = content.getShort(at).toInt() and 0xffff

    private fun bytes(start: Int, size: Int): ByteArray {
        if (start < 0 || size < 0 || start + size.toLong() > content.limit()) {
            throw IndexOutOfBoundsException("$size bytes at $start")
        }
        return content.array().copyOfRange(start, start + size)
    }

    internal companion object {
        private const val END_MARK = 0x06054b50
        private const val DIRECTORY_MARK = 0x02014b50
        private const val ENTRY_MARK = 0x04034b50
        private const val END_BYTES = 22
        private const val DIRECTORY_BYTES = 46
        private const val ENTRY_BYTES = 30
        private const val LONGEST_COMMENT = 0xffff
        private const val STORED = 0
        private const val DEFLATED = 8
        private const val MOST_BYTES = 1 shl 28

        /**
         * The archive that [content] is or ends in; null where there is none.
         *
         * @throws SignportException It is damaged.
         */
        fun of(content: ByteArray): ZipArchive? {
            val buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
            val last = content.size - END_BYTES
            for (at in last downTo maxOf(0, last - LONGEST_COMMENT)) {
                val comment = last - at
                if (buffer.getInt(at) == END_MARK && buffer.getShort(at + 20).toInt() and 0xffff == comment) {
                    return guarded { ZipArchive(buffer, at) }
                }
            }
            return null
        }

        private inline fun <T> guarded(read: () -> T): T = try {
            read()
        } catch (error: IndexOutOfBoundsException) {
            throw SignportException("damaged zip archive (${error.message}); copy the file again", error)
        } catch (error: DataFormatException) {
            throw SignportException("damaged zip archive (${error.message}); copy the file again", error)
        }
    }
}
