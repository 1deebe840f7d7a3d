package signport.runtime.graph

import com.google.flatbuffers.Table
import signport.runtime.SignportInternal
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A table of a FlatBuffer, read by the numbers of its fields.
 *
 * The numbers are those of TFLite's `schema.fbs`: fields count from 0 in the order in which the schema declares them, and
 * a union takes two (its type, then its value).
 */
@SignportInternal
public class FlatTable private constructor(buffer: ByteBuffer, position: Int) : Table() {
    init {
        __reset(position, buffer)
    }

    private fun at(field: Int): Int = __offset(FIRST_FIELD + FIELD_BYTES * field).let {
        if (it ==
            0
        ) {
            0
        } else {
            it + bb_pos
        }
    }

    public fun byte(field: Int, default: Int = 0): Int = at(field).let { if (it == 0) default else bb.get(it).toInt() }

    public fun int(field: Int, default: Int = 0): Int = at(field).let { if (it == 0) default else bb.getInt(it) }

    public fun float(field: Int, default: Float = 0f): Float = at(field).let {
        if (it ==
            0
        ) {
            default
        } else {
            bb.getFloat(it)
        }
    }

    public fun boolean(field: Int, default: Boolean = false): Boolean =
        at(field).let { if (it == 0) default else bb.get(it).toInt() != 0 }

    public fun string(field: Int): String = at(field).let { if (it == 0) "" else __string(it) }

    public fun table(field: Int): FlatTable? = at(field).let { if (it == 0) null else FlatTable(bb, __indirect(it)) }

    public fun tables(field: Int): List<FlatTable> = vector(field, Int.SIZE_BYTES) { start, size ->
        List(size) { FlatTable(bb, __indirect(start + Int.SIZE_BYTES * it)) }
    } ?: emptyList()

    public fun ints(field: Int): IntArray? =
        vector(field, Int.SIZE_BYTES) { start, size -> IntArray(size) { bb.getInt(start + Int.SIZE_BYTES * it) } }

    public fun longs(field: Int): LongArray? =
        vector(field, Long.SIZE_BYTES) { start, size -> LongArray(size) { bb.getLong(start + Long.SIZE_BYTES * it) } }

    public fun floats(field: Int): FloatArray? = vector(field, Float.SIZE_BYTES) { start, size ->
        FloatArray(size) { bb.getFloat(start + Float.SIZE_BYTES * it) }
    }

    /** The bytes of a vector, little-endian, without copying; null where there are none. */
    public fun bytes(field: Int): ByteBuffer? = vector(field, 1) { start, size ->
        val whole = bb.duplicate()
        whole.position(start)
        whole.limit(start + size)
        whole.slice().order(ByteOrder.LITTLE_ENDIAN)
    }

    private inline fun <T> vector(field: Int, elementBytes: Int, read: (start: Int, size: Int) -> T): T? {
        val offset = __offset(FIRST_FIELD + FIELD_BYTES * field)
        if (offset == 0) return null
        val start = __vector(offset)
        val size = __vector_len(offset)
        // A damaged length would otherwise ask for gigabytes before the first read fails.
        if (size < 0 || start < 0 || start + size.toLong() * elementBytes > bb.limit()) {
            throw IndexOutOfBoundsException("a vector of $size elements")
        }
        return read(start, size)
    }

    public companion object {
        private const val FIRST_FIELD = 4
        private const val FIELD_BYTES = 2

        public fun root(content: ByteArray): FlatTable {
            val buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN)
            return FlatTable(buffer, buffer.getInt(0))
        }
    }
}
