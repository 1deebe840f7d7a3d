package signport.runtime.kernels

import signport.runtime.graph.Operator

/** Products of matrices that are both int8; inner sizes, turns and batches as [MatMulShape] has them. */
internal fun int8BatchMatMul(operator: Operator): Prepared {
    val shape = MatMulShape.of(operator)
    val left = operator.int8Quantization(operator.input(0))
    val right = operator.int8Quantization(operator.input(1))
    val to = operator.int8Quantization(operator.output)
    // In float up to the product, as the reference has it.
    val multiplier = operator.multiplier((left.scale * right.scale).toDouble() / to.scale)
    val sink = Int8Sink(List(shape.columns) { multiplier }, to.zeroPoint, Int8Range(INT8_LEAST, INT8_MOST))
    val leftSize = shape.rows * shape.depth
    return Prepared { memory ->
        val a = memory.bytes(operator.input(0))
        val b = memory.bytes(operator.input(1))
        val target = memory.bytes(operator.output)
        val sums = IntArray(shape.columns)
        val wide = Array(shape.depth) { IntArray(shape.columns) }
        val turned = if (shape.turnsLeft) ByteArray(leftSize) else null
        Kernel {
            for (product in shape.left.indices) {
                widen(b, shape.right[product] * shape.depth * shape.columns, shape, right.zeroPoint, wide)
                val start = shape.left[product] * leftSize
                if (turned != null) turn(a, start, shape, turned)
                val rows = turned ?: a
                val at = if (turned == null) start else 0
                for (row in 0 until shape.rows) {
                    restart(sums)
                    addProduct(sums, wide, 0, rows, at + row * shape.depth, shape.depth, left.zeroPoint)
                    sink.store(sums, target, (product * shape.rows + row) * shape.columns)
                }
            }
        }
    }
}

private fun widen(source: ByteArray, start: Int, shape: MatMulShape, zeroPoint: Int, wide: Array<IntArray>) {
    var at = start
    if (shape.turnsRight) {
        for (column in 0 until shape.columns) {
            for (row in wide) row[column] = source[at++] - zeroPoint
        }
    } else {
        for (row in wide) {
            for (column in row.indices) row[column] = source[at++] - zeroPoint
        }
    }
}

private fun turn(source: ByteArray, start: Int, shape: MatMulShape, turned: ByteArray) {
    var at = start
    for (i in 0 until shape.depth) {
        for (row in 0 until shape.rows) turned[row * shape.depth + i] = source[at++]
    }
}
