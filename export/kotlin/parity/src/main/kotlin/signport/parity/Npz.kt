package signport.parity

import signport.runtime.SignportException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * One array of a NumPy archive.
 *
 * @property name File and entry, for messages.
 * @property kind NumPy's name of the element type: `<f4`, `<i8`, `<i4`, `|u1`, `|b1` or `<U` and a length.
 * @property shape Sizes of its axes.
 */
public class NpzArray
internal constructor(
    public val name: String,
    public val kind: String,
    public val shape: List<Int>,
    private val content: ByteBuffer,
) {
    /** Number of elements. */
    public val size: Int
        get() = shape.fold(1) { product, size -> product * size }

    /**
     * The elements of a float32 array, row-major.
     *
     * @throws SignportException It holds something else.
     */
    public fun floats(): FloatArray {
        require("<f4")
        return FloatArray(size) { content.getFloat(Float.SIZE_BYTES * it) }
    }

    /**
     * The elements of an integer array (int64, int32, uint8, bool) that all fit into 32 bits.
     *
     * @throws SignportException It holds something else.
     */
    public fun ints(): IntArray = when (kind) {
        "<i8" ->
            IntArray(size) {
                val value = content.getLong(Long.SIZE_BYTES * it)
                if (value < Int.MIN_VALUE || value > Int.MAX_VALUE) {
                    throw SignportException("$name: holds $value, too large here")
                }
                value.toInt()
            }

        "<i4" -> IntArray(size) { content.getInt(Int.SIZE_BYTES * it) }

        else -> {
            require("|u1", "|b1")
            IntArray(size) { content.get(it).toInt() and 0xFF }
        }
    }

    /**
     * The bytes of a uint8 array.
     *
     * @throws SignportException It holds something else.
     */
    public fun bytes(): ByteArray {
        require("|u1")
        return ByteArray(size) { content.get(it) }
    }

    /**
     * The elements of an array of text.
     *
     * @throws SignportException It holds something else, or what is no text.
     */
    public fun strings(): List<String> {
        if (!kind.startsWith("<U")) require("<U")
        val length = kind.substring(2).toInt()
        return List(size) { row ->
            val text = StringBuilder()
            for (column in 0 until length) {
                val point = content.getInt(Int.SIZE_BYTES * (row * length + column))
                if (!Character.isValidCodePoint(point)) {
                    throw SignportException("$name: holds what is no text; export again")
                }
                text.appendCodePoint(point)
            }
            text.toString().trimEnd('\u0000')
        }
    }

    private fun require(vararg kinds: String) {
        if (kind !in kinds) {
            throw SignportException("$name: holds elements of type $kind, expected ${kinds.joinToString(" or ")}")
        }
    }
}

/** Reads NumPy's `.npz` archives: stored or deflated, format 1 and 2, row-major, without pickled objects. */
public object Npz {
    private const val MAGIC = "\u0093NUMPY"
    private const val MOST_ELEMENTS = 1L shl 28
    private val DESCR = Regex("""'descr':\s*'([^']*)'""")
    private val ORDER = Regex("""'fortran_order':\s*(True|False)""")
    private val SHAPE = Regex("""'shape':\s*\(([0-9, ]*)\)""")
    private val BYTES = mapOf("<f4" to 4, "<i8" to 8, "<i4" to 4, "|u1" to 1, "|b1" to 1)
    private val TEXT = Regex("<U([0-9]{1,6})")
    private const val POINT_BYTES = 4L

    /**
     * Reads every array of an archive by its name, in the archive's order.
     *
     * @param stream The archive; it is read to its end, and the caller closes it.
     * @param name What messages call it.
     * @throws SignportException It is no such archive, is damaged, or holds other types of arrays.
     */
    @JvmStatic
    public fun read(stream: InputStream, name: String): Map<String, NpzArray> =
        read(Archive.content(stream, name), name)

    /** As [read] of a stream, of bytes. */
    @JvmStatic
    public fun read(content: ByteArray, name: String): Map<String, NpzArray> =
        Archive.entries(content, name).entries.associate { (entry, bytes) ->
            val array = entry.removeSuffix(".npy")
            array to array(bytes, "$name: $array")
        }

    private fun array(content: ByteArray, name: String): NpzArray {
        val magic = MAGIC.length
        if (content.size < magic + 4 || String(content, 0, magic, Charsets.ISO_8859_1) != MAGIC) {
            throw SignportException("$name: not a NumPy array; export again")
        }
        val buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
        val version = content[magic].toInt()
        if (version !in 1..2) throw SignportException("$name: of NumPy's format $version; 1 and 2 are read here")
        val header = if (version == 1) magic + 4 else magic + 6
        val length =
            if (version == 1) {
                buffer.getShort(magic + 2).toInt() and 0xFFFF
            } else if (content.size < header) {
                -1
            } else {
                buffer.getInt(magic + 2)
            }
        if (length < 0 || length > content.size - header) {
            throw SignportException("$name: cut short; copy or export it again")
        }
        val text = String(content, header, length, Charsets.ISO_8859_1)
        val kind = text.field(DESCR, name)
        if (text.field(ORDER, name) != "False") {
            throw SignportException("$name: stored column by column; store it row by row")
        }
        val shape =
            text
                .field(SHAPE, name)
                .split(',')
                .map { it.trim() }
                .filter { it.isNotEmpty() }
                .map {
                    it.toIntOrNull()
                        ?: throw SignportException("$name: an axis of $it; no array of an export is so large")
                }
        val elements = shape.fold(1L) { product, size -> minOf(product * size, MOST_ELEMENTS + 1) }
        val expected = elements * bytesEach(kind, name)
        if (elements > MOST_ELEMENTS || expected != (content.size - header - length).toLong()) {
            throw SignportException(
                "$name: ${content.size - header - length} bytes for shape $shape of $kind; export again",
            )
        }
        buffer.position(header + length)
        return NpzArray(name, kind, shape, buffer.slice().order(ByteOrder.LITTLE_ENDIAN))
    }

    private fun String.field(pattern: Regex, name: String): String = pattern.find(this)?.groupValues?.get(1)
        ?: throw SignportException("$name: a header that is not understood; export again")

    private fun bytesEach(kind: String, name: String): Long = BYTES[kind]?.toLong()
        ?: TEXT.matchEntire(kind)?.let { POINT_BYTES * it.groupValues[1].toLong() }
        ?: throw SignportException(
            "$name: holds elements of type $kind, which are not read here (never pickled ones); export again",
        )
}
