package signport.runtime.kernels

/**
 * Adds rows of a matrix, each times a number, to [sums]: `sums[o] += Σ (x[at + i] − zeroPoint) · matrix[row + i][o]`.
 *
 * Each row is an array of its own and the inner loop runs over whole rows: so HotSpot uses vector instructions, which
 * it does not for rows within one long array. The order of int sums doesn't matter.
 *
 * @param sums (columns).
 * @param matrix (rows, columns).
 * @param row The matrix's row that meets the first number.
 * @param x The numbers, of which [count] from [at] on are taken.
 */
internal fun addProduct(
    sums: IntArray,
    matrix: Array<IntArray>,
    row: Int,
    x: ByteArray,
    at: Int,
    count: Int,
    zeroPoint: Int,
) {
    var i = 0
    // Four at a time: the sums are read and written a quarter as often.
    while (i + 3 < count) {
        addRows(
            sums,
            matrix[row + i], x[at + i] - zeroPoint,
            matrix[row + i + 1], x[at + i + 1] - zeroPoint,
            matrix[row + i + 2], x[at + i + 2] - zeroPoint,
            matrix[row + i + 3], x[at + i + 3] - zeroPoint,
        )
        i += 4
    }
    while (i < count) {
        addRow(sums, matrix[row + i], x[at + i] - zeroPoint)
        i++
    }
}

private fun addRows(
    sums: IntArray,
    a: IntArray,
    ofA: Int,
    b: IntArray,
    ofB: Int,
    c: IntArray,
    ofC: Int,
    d: IntArray,
    ofD: Int,
) {
    for (o in sums.indices) sums[o] = sums[o] + a[o] * ofA + b[o] * ofB + c[o] * ofC + d[o] * ofD
}

private fun addRow(sums: IntArray, row: IntArray, factor: Int) {
    for (o in sums.indices) sums[o] += row[o] * factor
}

/** [weights] (outputs, inputs) as ints (inputs, outputs): wide and turned once, so that [addProduct] only reads on. */
internal fun turnedWeights(weights: ByteArray, outputs: Int, inputs: Int): Array<IntArray> =
    Array(inputs) { input -> IntArray(outputs) { weights[it * inputs + input].toInt() } }

/**
 * What becomes of int32 sums: each times its channel's multiplier, held within the output's range.
 *
 * @param roundsOnce As LiteRT's fully connected operator does: it leaves the product to ruy, its library of matrix
 *     products, even where reference kernels are asked for. All others round twice.
 */
internal class Int8Sink(
    multipliers: List<Multiplier>,
    private val zeroPoint: Int,
    private val range: Int8Range,
    private val roundsOnce: Boolean = false,
) {
    private val factors = IntArray(multipliers.size) { multipliers[it].factor }
    private val shifts = IntArray(multipliers.size) { multipliers[it].shift }

    /** Stores [sums], one for each channel, from [at] on. */
    fun store(sums: IntArray, target: ByteArray, at: Int) {
        for (channel in factors.indices) {
            val sum = sums[channel]
            val factor = factors[channel]
            val shift = shifts[channel]
            val value = (if (roundsOnce) scaledOnce(sum, factor, shift) else scaled(sum, factor, shift)) + zeroPoint
            target[at + channel] = minOf(range.most, maxOf(range.least, value)).toByte()
        }
    }
}

/** Sets [sums] to what they start from. */
internal fun restart(sums: IntArray, bias: IntArray): Unit = System.arraycopy(bias, 0, sums, 0, bias.size)

internal fun restart(sums: IntArray): Unit = sums.fill(0)
