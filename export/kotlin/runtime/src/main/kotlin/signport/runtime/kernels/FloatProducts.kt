package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.Tensor
import java.util.WeakHashMap

/**
 * One row of sums of products, each sum taken in the order of its products as the reference kernels do, so that results
 * agree to the bit.
 *
 * Weights lie as one array for each input, of all outputs. The innermost loops are over outputs and use one index for
 * all arrays: with an offset of its own for each, HotSpot (17) does not vectorize them, which costs a factor of five.
 */
internal class FloatSums(outs: Int, private val bias: FloatArray?, activation: Activation) {
    private val sums = FloatArray(outs)
    private val least = activation.floatLeast
    private val most = activation.floatMost

    fun clear() = sums.fill(0f)

    /** Adds `x[xAt + i] · weights[row + i][o]` for each i below [depth] to each sum o. */
    fun add(x: FloatArray, xAt: Int, weights: Array<FloatArray>, row: Int, depth: Int) {
        val to = sums
        var i = 0
        // Four at a time: the sums are read and written a quarter as often.
        while (i + 3 < depth) {
            val at = xAt + i
            val from = row + i
            addFour(
                x[at], x[at + 1], x[at + 2], x[at + 3],
                weights[from], weights[from + 1], weights[from + 2], weights[from + 3],
                to,
            )
            i += 4
        }
        while (i < depth) {
            addOne(x[xAt + i], weights[row + i], to)
            i++
        }
    }

    /** Adds the bias, limits the sums, and puts them at [at] of [out]. */
    fun finish(out: FloatArray, at: Int) {
        val to = sums
        val added = bias
        val floor = least
        val roof = most
        if (added == null) {
            for (o in to.indices) to[o] = minOf(maxOf(to[o], floor), roof)
        } else {
            for (o in to.indices) to[o] = minOf(maxOf(to[o] + added[o], floor), roof)
        }
        put(out, at)
    }

    /** Puts the sums, as they are, at [at] of [out]. */
    fun put(out: FloatArray, at: Int) = System.arraycopy(sums, 0, out, at, sums.size)

    private fun addOne(a: Float, ofA: FloatArray, to: FloatArray) {
        for (o in to.indices) to[o] += a * ofA[o]
    }

    private fun addFour(
        a: Float,
        b: Float,
        c: Float,
        d: Float,
        ofA: FloatArray,
        ofB: FloatArray,
        ofC: FloatArray,
        ofD: FloatArray,
        to: FloatArray,
    ) {
        for (o in to.indices) to[o] = to[o] + a * ofA[o] + b * ofB[o] + c * ofC[o] + d * ofD[o]
    }
}

/** The columns of a matrix of [rows] rows that starts at [at], each as an array. */
internal fun copyColumns(matrix: FloatArray, at: Int, rows: Int, columns: Array<FloatArray>) {
    for (row in 0 until rows) {
        val from = at + row * columns.size
        for (i in columns.indices) columns[i][row] = matrix[from + i]
    }
}

/** The rows of a matrix that starts at [at], each as an array. */
internal fun copyRows(matrix: FloatArray, at: Int, rows: Array<FloatArray>) {
    for (i in rows.indices) System.arraycopy(matrix, at + i * rows[i].size, rows[i], 0, rows[i].size)
}

/** The columns of constant weights, one array for each; made once: an unrolled LSTM has the same ones at each step. */
internal object WeightColumns {
    private val made = WeakHashMap<Tensor, Array<FloatArray>>()

    fun of(weights: Tensor, rows: Int, columns: Int): Array<FloatArray> = synchronized(made) {
        made.getOrPut(weights) {
            Array(columns) { FloatArray(rows) }.also { copyColumns(weights.constantFloats(), 0, rows, it) }
        }
    }
}
