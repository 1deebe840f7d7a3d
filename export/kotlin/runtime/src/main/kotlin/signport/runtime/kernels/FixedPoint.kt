package signport.runtime.kernels

/**
 * A positive real factor as TFLite's integer kernels apply it: `factor · 2^(shift − 31)`.
 *
 * @property factor At least 2^30, or 0 for a real factor that is too small to matter.
 * @property shift At least −31; positive where the real factor is 1 or more.
 */
internal class Multiplier(val factor: Int, val shift: Int) {
    operator fun times(value: Int): Int = scaled(value, factor, shift)

    internal companion object {
        private const val LEAST_SHIFT = -31
        private const val ONE = 1L shl 31

        /** The nearest to [real], as TFLite's `QuantizeMultiplier` finds it. */
        fun of(real: Double): Multiplier {
            if (real == 0.0) return Multiplier(0, 0)
            // Half to one, as C's frexp has it.
            var shift = Math.getExponent(real) + 1
            var factor = roundHalfAway(Math.scalb(real, -shift) * ONE)
            if (factor == ONE) {
                factor /= 2
                shift++
            }
            return if (shift < LEAST_SHIFT) Multiplier(0, 0) else Multiplier(factor.toInt(), shift)
        }
    }
}

/**
 * [value] times `factor · 2^(shift − 31)`, in TFLite's two roundings: of the product's high half, then of the shift.
 *
 * A shift to the left wraps, as an int32 does.
 */
internal fun scaled(value: Int, factor: Int, shift: Int): Int =
    if (shift > 0) highProduct(value shl shift, factor) else roundedShift(highProduct(value, factor), -shift)

/**
 * [value] times `factor · 2^(shift − 31)`, rounded once, halves upwards.
 *
 * So does ruy, LiteRT's library of matrix products.
 */
internal fun scaledOnce(value: Int, factor: Int, shift: Int): Int {
    val dropped = 31 - shift
    return ((value.toLong() * factor + (1L shl (dropped - 1))) shr dropped).toInt()
}

/** The high 32 bits of twice a product, halves rounded upwards (gemmlowp's `SaturatingRoundingDoublingHighMul`). */
internal fun highProduct(a: Int, b: Int): Int =
    if (a == Int.MIN_VALUE && b == Int.MIN_VALUE) Int.MAX_VALUE else ((a.toLong() * b + HALF) shr 31).toInt()

/** [value] over 2^[exponent] (0 to 31), rounded half away from zero (gemmlowp's `RoundingDivideByPOT`). */
internal fun roundedShift(value: Int, exponent: Int): Int {
    val mask = (1 shl exponent) - 1
    val remainder = value and mask
    val threshold = (mask ushr 1) + (value ushr 31)
    return (value shr exponent) + if (remainder > threshold) 1 else 0
}

/** [value] times 2^[exponent], held within 32 bits. */
internal fun saturatedShift(value: Int, exponent: Int): Int =
    (value.toLong() shl exponent).coerceIn(Int.MIN_VALUE.toLong(), Int.MAX_VALUE.toLong()).toInt()

/** The nearest whole number, halves away from zero, as C's `round`; all of Kotlin's own go to even or upwards. */
internal fun roundHalfAway(value: Double): Long {
    val whole = value.toLong()
    val rest = value - whole
    return if (rest >= 0.5) {
        whole + 1
    } else if (rest <= -0.5) {
        whole - 1
    } else {
        whole
    }
}

/** The nearest int, halves away from zero; NaN is 0, and what lies outside of int is its end. */
internal fun roundHalfAway(value: Float): Int {
    val whole = value.toInt()
    val rest = value - whole
    // A rest of 1 or more is that of a number outside of int.
    return if (rest >= 0.5f && rest < 1f) {
        whole + 1
    } else if (rest <= -0.5f && rest > -1f) {
        whole - 1
    } else {
        whole
    }
}

private const val HALF = 1L shl 30
