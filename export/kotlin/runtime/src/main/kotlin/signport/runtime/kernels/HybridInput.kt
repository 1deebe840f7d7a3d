package signport.runtime.kernels

import kotlin.math.abs

/**
 * Floats as int8 by a scale found from themselves, at each call: what hybrid operators multiply int8 weights by.
 *
 * @param asymmetric Whether 0 may lie anywhere, so that every step is used; else it lies in the middle.
 * @property values The stored numbers; the rest of a larger vector may follow.
 */
internal class HybridInput(size: Int, private val asymmetric: Boolean) {
    val values: ByteArray = ByteArray(size)

    /** What one step stands for. */
    var scale: Float = 1f
        private set

    /** The stored number that stands for 0. */
    var zeroPoint: Int = 0
        private set

    /** Stores [count] floats of [source] from [start] on. */
    fun read(source: FloatArray, start: Int, count: Int) {
        var least = source[start]
        var most = least
        for (i in start + 1 until start + count) {
            least = if (source[i] < least) source[i] else least
            most = if (source[i] > most) source[i] else most
        }
        if (asymmetric) {
            readAsymmetric(source, start, count, minOf(0f, least), maxOf(0f, most))
        } else {
            readSymmetric(source, start, count, maxOf(abs(least), abs(most)))
        }
    }

    private fun readSymmetric(source: FloatArray, start: Int, count: Int, range: Float) {
        zeroPoint = 0
        if (range == 0f) return readZeros(count)
        scale = range / INT8_MOST
        val inverse = INT8_MOST / range
        for (i in 0 until count) {
            values[i] = minOf(INT8_MOST, maxOf(-INT8_MOST, roundHalfAway(source[start + i] * inverse))).toByte()
        }
    }

    private fun readAsymmetric(source: FloatArray, start: Int, count: Int, least: Float, most: Float) {
        zeroPoint = 0
        if (least == most) return readZeros(count)
        val exact = (most - least).toDouble() / (INT8_MOST - INT8_LEAST)
        val belowZero = least / exact
        val aboveZero = most / exact
        val fromLeast = abs(INT8_LEAST.toDouble()) + abs(belowZero) < INT8_MOST + abs(aboveZero)
        val real = if (fromLeast) INT8_LEAST - belowZero else INT8_MOST - aboveZero
        zeroPoint = maxOf(INT8_LEAST.toLong(), minOf(INT8_MOST.toLong(), roundHalfAway(real))).toInt()
        scale = exact.toFloat()
        val inverse = 1f / scale
        for (i in 0 until count) {
            val stored = zeroPoint + roundHalfAway(source[start + i] * inverse)
            values[i] = minOf(INT8_MOST, maxOf(INT8_LEAST, stored)).toByte()
        }
    }

    private fun readZeros(count: Int) {
        scale = 1f
        values.fill(0, 0, count)
    }
}
