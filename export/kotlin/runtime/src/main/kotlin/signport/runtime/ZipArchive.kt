package signport.runtime

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * A zip archive in memory; it may stand behind other content, as the labels do in a `.tflite`.
 *
 * Read from its directory at the end: `java.util.zip.ZipInputStream` stops at the padding that a `.task` has between
 * its entries, and `ZipFile` wants a file, which an asset of an app is not. Numbers of bytes are those of PKWARE's
 * APPNOTE.TXT, section 4.3.
 */
@SignportInternal
public class ZipArchive private constructor(private val content: ByteBuffer, end: Int) {
    private class Entry(val method: Int, val checksum: Int, val packed: Int, val size: Int, val header: Int)

    private val entries = LinkedHashMap<String, Entry>()

    init {
        val directorySize = content.getInt(end + 12)
        // Offsets count from the archive's start, which is not the file's where other content was put before it.
        val shift = end - directorySize - content.getInt(end + 16)
        var at = end - directorySize
        var whole = 0L
        repeat(short(end + 10)) {
            if (content.getInt(at) != DIRECTORY_MARK) throw IndexOutOfBoundsException("no entry at $at")
            val name = String(bytes(at + DIRECTORY_BYTES, short(at + 28)), Charsets.UTF_8)
            val header = shift + content.getInt(at + 42)
            val size = content.getInt(at + 24)
            entries[name] = Entry(short(at + 10), content.getInt(at + 16), content.getInt(at + 20), size, header)
            whole += size.toLong() and UNSIGNED
            at += DIRECTORY_BYTES + short(at + 28) + short(at + 30) + short(at + 32)
        }
        if (whole > MOST_BYTES) throw SignportException("zip archive: unpacks to more than $MOST_BYTES bytes")
    }

    /** Names of the entries, folders left out, in the archive's order. */
    public val names: Set<String> get() = entries.keys.filterNot { it.endsWith("/") }.toSet()

    /**
     * The content of an entry; null where there is none of that name.
     *
     * @throws SignportException It is damaged.
     */
    public fun read(name: String): ByteArray? {
        val entry = entries[name] ?: return null
        return guarded {
            if (content.getInt(entry.header) != ENTRY_MARK) throw IndexOutOfBoundsException("no entry $name")
            val start = entry.header + ENTRY_BYTES + short(entry.header + 26) + short(entry.header + 28)
            val packed = bytes(start, entry.packed)
            val found = when (entry.method) {
                STORED -> packed
                DEFLATED -> inflated(packed, entry.size)
                else -> throw SignportException("$name: packed by method ${entry.method}; store it without packing")
            }
            val checksum = CRC32().apply { update(found) }.value
            if (found.size != entry.size || checksum != entry.checksum.toLong() and UNSIGNED) {
                throw IndexOutOfBoundsException("$name has another checksum")
            }
            found
        }
    }

    private fun inflated(packed: ByteArray, size: Int): ByteArray {
        val inflater = Inflater(true)
        try {
            inflater.setInput(packed)
            // Grows with what really comes out: the size that a damaged archive claims may be any.
            val found = ByteArrayOutputStream(minOf(maxOf(size, 0), BLOCK))
            val block = ByteArray(BLOCK)
            while (!inflater.finished() && found.size() <= size) {
                val count = inflater.inflate(block)
                if (count == 0 && (inflater.needsInput() || inflater.needsDictionary())) break
                found.write(block, 0, count)
            }
            return found.toByteArray()
        } finally {
            inflater.end()
        }
    }

    private fun short(at: Int): Int = content.getShort(at).toInt() and 0xffff

    private fun bytes(start: Int, size: Int): ByteArray {
        if (start < 0 || size < 0 || start + size.toLong() > content.limit()) {
            throw IndexOutOfBoundsException("$size bytes at $start")
        }
        return content.array().copyOfRange(start, start + size)
    }

    public companion object {
        private const val END_MARK = 0x06054b50
        private const val DIRECTORY_MARK = 0x02014b50
        private const val ENTRY_MARK = 0x04034b50
        private const val END_BYTES = 22
        private const val DIRECTORY_BYTES = 46
        private const val ENTRY_BYTES = 30
        private const val LONGEST_COMMENT = 0xffff
        private const val STORED = 0
        private const val DEFLATED = 8
        private const val BLOCK = 1 shl 16
        private const val UNSIGNED = 0xffff_ffffL

        /** What all entries may hold together: golden vectors are some 20 MB, bundles 10 MB. */
        private const val MOST_BYTES = 256L shl 20

        /**
         * The archive that [content] is or ends in; null where there is none.
         *
         * @throws SignportException It is damaged, or would unpack to more than any file of an export.
         */
        public fun of(content: ByteArray): ZipArchive? {
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
