package signport.runtime.kernels

/*
 * Functions of fixed-point numbers after gemmlowp's `fixedpoint.h`. A number with n bits before its point stands for
 * `raw · 2^(n − 31)`, so one with none reaches from −1 to just below 1.
 */

/** e^x, none before the point, for x from −2^[integerBits] to 0 with [integerBits] (at most 5) before the point. */
internal fun fixedExp(raw: Int, integerBits: Int): Int {
    if (raw == 0) return Int.MAX_VALUE
    val fractionBits = 31 - integerBits
    val quarter = 1 shl (fractionBits - 2)
    val inQuarter = (raw and (quarter - 1)) - quarter
    val quarters = inQuarter - raw
    var result = expOfLastQuarter(saturatedShift(inQuarter, integerBits))
    // Whole quarters are taken off by their bits: e^-1/4, e^-1/2, e^-1, … e^-16.
    for (bit in 0 until integerBits + 2) {
        if (quarters and (quarter shl bit) != 0) result = highProduct(result, EXP_OF_POWERS[bit])
    }
    return result
}

/** e^x for −1/4 ≤ x < 0, by its series around −1/8. */
private fun expOfLastQuarter(raw: Int): Int {
    val x = raw + (1 shl 28)
    val square = highProduct(x, x)
    val cube = highProduct(square, x)
    val fourth = highProduct(square, square)
    val higher = roundedShift(highProduct(roundedShift(fourth, 2) + cube, THIRD) + square, 1)
    return EXP_OF_MINUS_EIGHTH + highProduct(EXP_OF_MINUS_EIGHTH, x + higher)
}

/** 2 / (1 + x), two bits before the point, for 0 ≤ x < 1 with none: Newton's iteration. */
private fun twiceReciprocalOfOnePlus(raw: Int): Int {
    val half = ((raw.toLong() + Int.MAX_VALUE + 1) / 2).toInt()
    var x = FORTY_EIGHT_17THS + highProduct(half, MINUS_THIRTY_TWO_17THS)
    repeat(3) {
        val missing = ONE_OF_TWO_BITS - highProduct(half, x)
        x += saturatedShift(highProduct(x, missing), 2)
    }
    return x
}

/** 1 / (1 + x) for 0 ≤ x < 1; none before the points. */
internal fun fixedReciprocalOfOnePlus(raw: Int): Int = saturatedShift(twiceReciprocalOfOnePlus(raw), 1)

/** 1 / (1 + e^−x), none before the point, for x with four. */
internal fun fixedLogistic(raw: Int): Int {
    if (raw == 0) return 1 shl 30
    val ofPositive = fixedReciprocalOfOnePlus(fixedExp(if (raw > 0) -raw else raw, 4))
    return if (raw > 0) ofPositive else Int.MAX_VALUE - ofPositive
}

/** tanh x, none before the point, for x with four. */
internal fun fixedTanh(raw: Int): Int {
    if (raw == 0) return 0
    // Twice x has the same bits with five before the point.
    val exponential = fixedExp(if (raw > 0) -raw else raw, 5)
    val ofPositive = saturatedShift(twiceReciprocalOfOnePlus(exponential) - ONE_OF_TWO_BITS, 2)
    return if (raw > 0) ofPositive else -ofPositive
}

/** 1 / √[value] of a whole number above 0, after TFLite's `GetInvSqrtQuantizedMultiplierExp`. */
internal fun fixedInverseRoot(value: Int): Multiplier {
    if (value <= 1) return Multiplier(Int.MAX_VALUE, 0)
    var rightShift = 11
    var input = value
    while (input >= 1 shl 29) {
        input /= 4
        rightShift++
    }
    val pairs = (Integer.numberOfLeadingZeros(input) - 1) / 2 - 1
    rightShift -= pairs
    input = input shl (2 * pairs)
    // Three bits before the point from here on.
    val halfInput = roundedShift(input shr 1, 1)
    var x = 1 shl 28
    repeat(5) {
        // A product of k numbers has 3k bits before the point.
        val cube = saturatedShift(highProduct(highProduct(x, x), x), 6)
        x = saturatedShift(highProduct(THREE_HALVES, x) - highProduct(halfInput, cube), 3)
    }
    x = highProduct(x, HALF_ROOT_OF_TWO)
    return if (rightShift < 0) Multiplier(x shl -rightShift, 0) else Multiplier(x, -rightShift)
}

private val EXP_OF_POWERS = intArrayOf(1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
private const val EXP_OF_MINUS_EIGHTH = 1895147668
private const val THIRD = 715827883
private const val FORTY_EIGHT_17THS = 1515870810
private const val MINUS_THIRTY_TWO_17THS = -1010580540
private const val ONE_OF_TWO_BITS = 1 shl 29
private const val THREE_HALVES = 3 shl 27
private const val HALF_ROOT_OF_TWO = 1518500250
