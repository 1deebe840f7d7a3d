package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val TURNS_LEFT = 0
private const val TURNS_RIGHT = 1

/**
 * The shapes of a BATCH_MATMUL, whatever its element types: (…, rows, depth) by (…, depth, columns), where either side
 * may be stored turned, and dimensions before these broadcast.
 *
 * @property left Which matrix of the left side each product takes.
 * @property right Which matrix of the right side each product takes.
 */
internal class MatMulShape private constructor(
    val rows: Int,
    val depth: Int,
    val columns: Int,
    val turnsLeft: Boolean,
    val turnsRight: Boolean,
    val left: IntArray,
    val right: IntArray,
) {
    internal companion object {
        fun of(operator: Operator): MatMulShape {
            val left = operator.input(0).shape
            val right = operator.input(1).shape
            val output = operator.output.shape
            if (left.size < 2 || right.size < 2) mismatch(operator)
            val turnsLeft = operator.boolean(TURNS_LEFT)
            val turnsRight = operator.boolean(TURNS_RIGHT)
            val (depth, rows) = matrix(left, turnsLeft)
            val (columns, rightDepth) = matrix(right, turnsRight)
            val (outer, leftOuter, rightOuter) = listOf(output, left, right).map { it.copyOf(maxOf(0, it.size - 2)) }
            val rank = maxOf(leftOuter.size, rightOuter.size)
            val batches = IntArray(rank) {
                val sizes = listOf(leftOuter, rightOuter).map { outer -> outer.getOrElse(it - rank + outer.size) { 1 } }
                if (sizes[0] != sizes[1] && 1 !in sizes) mismatch(operator)
                if (sizes[0] == 1) sizes[1] else sizes[0]
            }
            val fits = outer.contentEquals(batches) && output.takeLast(2) == listOf(rows, columns)
            if (depth != rightDepth || !fits) mismatch(operator)
            val meeting = Broadcast.of(batches, listOf(leftOuter, rightOuter))
            return MatMulShape(rows, depth, columns, turnsLeft, turnsRight, meeting.indices(0), meeting.indices(1))
        }

        /** Columns and rows of the last two dimensions. */
        private fun matrix(shape: IntArray, turned: Boolean): Pair<Int, Int> {
            val (first, second) = shape.takeLast(2)
            return if (turned) first to second else second to first
        }

        private fun mismatch(operator: Operator): Nothing =
            operator.refuse("multiplies ${operator.input(0)} by ${operator.input(1)} to ${operator.output}")
    }
}

/** BATCH_MATMUL. */
internal fun floatBatchMatMul(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0, 1)
    val shape = MatMulShape.of(operator)
    val leftSize = shape.rows * shape.depth
    val rightSize = shape.depth * shape.columns
    val outSize = shape.rows * shape.columns
    return Prepared { memory ->
        val left = memory.floats(operator.input(0))
        val right = memory.floats(operator.input(1))
        val out = memory.floats(operator.output)
        val turned = if (shape.turnsLeft) FloatArray(leftSize) else null
        val rows = Array(shape.depth) { FloatArray(shape.columns) }
        val sums = FloatSums(shape.columns, null, Activation.NONE)
        Kernel {
            for (product in shape.left.indices) {
                val leftAt = shape.left[product] * leftSize
                val rightAt = shape.right[product] * rightSize
                if (turned != null) transpose(left, leftAt, turned, shape.depth, shape.rows)
                if (shape.turnsRight) {
                    copyColumns(right, rightAt, shape.columns, rows)
                } else {
                    copyRows(right, rightAt, rows)
                }
                val x = turned ?: left
                val xAt = if (turned == null) leftAt else 0
                for (row in 0 until shape.rows) {
                    sums.clear()
                    sums.add(x, xAt + row * shape.depth, rows, 0, shape.depth)
                    sums.put(out, product * outSize + row * shape.columns)
                }
            }
        }
    }
}

/** A matrix turned: `to[j·rows + i] = from[fromAt + i·columns + j]`. */
private fun transpose(from: FloatArray, fromAt: Int, to: FloatArray, rows: Int, columns: Int) {
    for (i in 0 until rows) {
        for (j in 0 until columns) to[j * rows + i] = from[fromAt + i * columns + j]
    }
}
