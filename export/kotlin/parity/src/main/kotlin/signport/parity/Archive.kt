package signport.parity

import signport.runtime.SignportException
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * Reads zip archives by their central directory.
 *
 * `java.util.zip.ZipInputStream` stops at the padding that a `.task` has between its entries, and `ZipFile` wants a
 * file, which an asset of an app is not.
 */
internal object Archive {
    private const val END_MARK = 0x06054b50
    private const val END_BYTES = 22
    private const val LONGEST_COMMENT = 0xFFFF
    private const val ENTRY_MARK = 0x02014b50
    private const val ENTRY_BYTES = 46
    private const val LOCAL_MARK = 0x04034b50
    private const val LOCAL_BYTES = 30
    private const val STORED = 0
    private const val DEFLATED = 8
    private const val BLOCK = 1 shl 16

    /** What all entries of an archive may hold together, in bytes: golden vectors are some 20 MB, bundles 10 MB. */
    private const val MOST_BYTES = 256L shl 20

    /**
     * Reads a stream to its end.
     *
     * @throws SignportException It cannot be read, or is longer than any file of an export.
     */
    fun content(stream: InputStream, name: String): ByteArray {
        val found = ByteArrayOutputStream()
        val block = ByteArray(BLOCK)
        try {
            while (true) {
                val count = stream.read(block)
                if (count < 0) return found.toByteArray()
                found.write(block, 0, count)
                if (found.size() > MOST_BYTES) {
                    throw SignportException("$name: longer than $MOST_BYTES bytes; no file of an export is")
                }
            }
        } catch (error: IOException) {
            throw SignportException("$name: cannot be read (${error.message})", error)
        }
    }

    /**
     * Every entry by its name, in the archive's order. The archive may follow other content, as in a `.tflite`.
     *
     * @throws SignportException No zip archive, a damaged one, or one that unpacks to more than any file of an export.
     */
    fun entries(content: ByteArray, name: String): Map<String, ByteArray> = try {
        read(ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN), name)
    } catch (error: IndexOutOfBoundsException) {
        throw damaged(name, "it points outside itself", error)
    } catch (error: IllegalArgumentException) {
        throw damaged(name, "it points outside itself", error)
    } catch (error: DataFormatException) {
        throw damaged(name, "an entry cannot be unpacked", error)
    }

    /** Whether the content ends in an archive. */
    fun isThere(content: ByteArray): Boolean = endOf(ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)) != null

    private fun read(buffer: ByteBuffer, name: String): Map<String, ByteArray> {
        val end = endOf(buffer) ?: throw SignportException("$name: no zip archive; export or bundle again")
        val directory = buffer.getInt(end + 16)
        val base = end - buffer.getInt(end + 12) - directory
        if (base < 0 || directory < 0) throw damaged(name, "its directory lies outside it")
        val found = LinkedHashMap<String, ByteArray>()
        var left = MOST_BYTES
        var at = base + directory
        repeat(buffer.getShort(end + 10).toInt() and 0xFFFF) {
            if (buffer.getInt(at) != ENTRY_MARK) throw damaged(name, "its directory is not one")
            val length = short(buffer, at + 28)
            val entry = String(buffer.array(), at + ENTRY_BYTES, length, Charsets.UTF_8)
            left -= buffer.getInt(at + 24).toLong() and 0xFFFFFFFFL
            if (left < 0) {
                throw SignportException("$name: unpacks to more than $MOST_BYTES bytes; no file of an export does")
            }
            if (!entry.endsWith("/")) found[entry] = unpacked(buffer, at, base, "$name: $entry")
            at += ENTRY_BYTES + length + short(buffer, at + 30) + short(buffer, at + 32)
        }
        return found
    }

    private fun unpacked(buffer: ByteBuffer, entry: Int, base: Int, name: String): ByteArray {
        val packed = buffer.getInt(entry + 20)
        val size = buffer.getInt(entry + 24)
        val local = base + buffer.getInt(entry + 42)
        if (packed < 0 || size < 0 || buffer.getInt(local) != LOCAL_MARK) throw damaged(name, "its header is not one")
        val start = local + LOCAL_BYTES + short(buffer, local + 26) + short(buffer, local + 28)
        if (start.toLong() + packed > buffer.limit()) throw damaged(name, "cut short")
        val found =
            when (short(buffer, entry + 10)) {
                STORED -> buffer.array().copyOfRange(start, start + packed)
                DEFLATED -> inflated(buffer.array(), start, packed, size)
                else -> throw SignportException("$name: packed in a way that is not read here; use deflate")
            }
        val sum = CRC32().apply { update(found) }.value
        if (found.size != size || sum != buffer.getInt(entry + 16).toLong() and 0xFFFFFFFFL) {
            throw damaged(name, "its checksum differs")
        }
        return found
    }

    private fun inflated(content: ByteArray, start: Int, packed: Int, size: Int): ByteArray {
        val inflater = Inflater(true)
        try {
            inflater.setInput(content, start, packed)
            // Grows with what really comes out: the size that a damaged archive claims may be any.
            val found = ByteArrayOutputStream(minOf(size, BLOCK))
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

    private fun endOf(buffer: ByteBuffer): Int? {
        val last = buffer.limit() - END_BYTES
        return (last downTo maxOf(0, last - LONGEST_COMMENT)).firstOrNull { buffer.getInt(it) == END_MARK }
    }

    private fun short(buffer: ByteBuffer, at: Int): Int = buffer.getShort(at).toInt() and 0xFFFF

    private fun damaged(name: String, why: String, cause: Exception? = null) =
        SignportException("$name: a damaged archive ($why); copy or export it again", cause)
}
