package signport.runtime.kernels

import kotlin.math.abs

// e^x = 2^(k/32) · 2^(z/32) with |z| ≤ 1/2: the 32 powers from a table, the rest by a short polynomial, all in doubles.
private const val STEPS = 32
private const val STEPS_BITS = 5
private val POWERS = DoubleArray(STEPS) { Math.pow(2.0, it.toDouble() / STEPS) }
private const val STEPS_PER_UNIT = STEPS * 1.4426950408889634
private const val STEP = 0.6931471805599453 / STEPS

// 2^(z/32) as expf of Arm's optimized routines has it (math/exp2f_data.c), which glibc and Android's libc took over:
// the same cubic gives the same last digit as the reference kernels, which call it.
private const val FIRST = 0.021660849396613134
private const val SECOND = 2.3459809789509004E-4
private const val THIRD = 1.6938359250920212E-6

/** Adding and taking away this rounds a double to a whole number. */
private const val ROUNDER = 6755399441055744.0
private const val EXPONENT_BITS = 52
private const val EXPONENT_BIAS = 1023L

/** ln of the largest float, and of half of the least one. */
private const val LARGEST = 88.72283f
private const val LEAST = -103.97208f

/** Below this, tanh x is x to the last digit: the next term is x³/3. */
private const val LINEAR = 2.44140625e-4f

/** From here on, tanh x is 1 to the last digit. */
private const val TANH_ONE = 9.1f

/** e^x, to the bit of glibc's `expf`. */
internal fun exponential(x: Float): Float {
    if (x.isNaN()) return x
    if (x > LARGEST) return Float.POSITIVE_INFINITY
    if (x < LEAST) return 0f
    val scaled = x * STEPS_PER_UNIT
    val steps = (scaled + ROUNDER) - ROUNDER
    val z = scaled - steps
    val series = (THIRD * z + SECOND) * (z * z) + (FIRST * z + 1.0)
    return (series * powerOfTwo(steps.toInt())).toFloat()
}

/** tanh x, rounded from a double; up to two units of the last digit from the less exact `tanhf` of glibc 2.36. */
internal fun hyperbolicTangent(x: Float): Float {
    val size = abs(x)
    if (size < LINEAR || x.isNaN()) return x
    val tangent = if (size > TANH_ONE) 1f else (1.0 - 2.0 / (doubleExponential(2.0 * size) + 1.0)).toFloat()
    return if (x < 0f) -tangent else tangent
}

/** e^x to 14 digits, for x whose e^x a double holds. */
private fun doubleExponential(x: Double): Double {
    val steps = (x * STEPS_PER_UNIT + ROUNDER) - ROUNDER
    val r = x - steps * STEP
    val series = 1.0 + r * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))))
    return series * powerOfTwo(steps.toInt())
}

/** 2^(k/32). */
private fun powerOfTwo(k: Int): Double =
    POWERS[k and (STEPS - 1)] * Double.fromBits(((k shr STEPS_BITS) + EXPONENT_BIAS) shl EXPONENT_BITS)
