package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val FUSED_ACTIVATION = 0
private const val WEIGHTS_FORMAT = 1
private const val KEEPS_RANK = 2

/** FULLY_CONNECTED: inputs (…, depth), weights (outs, depth), an optional bias (outs). */
internal fun floatFullyConnected(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0, 1)
    if (operator.byte(WEIGHTS_FORMAT) != 0) operator.refuse("has shuffled weights")
    val weights = operator.input(1)
    if (weights.rank != 2) operator.refuse("has weights $weights")
    val (outs, depth) = weights.shape.toList()
    val rows = checkedRows(operator, outs, depth)
    val biasTensor = operator.floatBias(2, outs)
    val activation = operator.activation(FUSED_ACTIVATION)
    val ready = if (weights.isConstant) WeightColumns.of(weights, outs, depth) else null
    return Prepared { memory ->
        val input = memory.floats(operator.input(0))
        val out = memory.floats(operator.output)
        val sums = FloatSums(outs, biasTensor?.let { memory.floats(it) }, activation)
        val columns = ready ?: Array(depth) { FloatArray(outs) }
        val stored = if (ready == null) memory.floats(weights) else null
        Kernel {
            if (stored != null) copyColumns(stored, 0, outs, columns)
            for (row in 0 until rows) {
                sums.clear()
                sums.add(input, row * depth, columns, 0, depth)
                sums.finish(out, row * outs)
            }
        }
    }
}

/** How many rows a FULLY_CONNECTED of any element type has, its shapes checked. */
internal fun checkedRows(operator: Operator, outs: Int, depth: Int): Int {
    val input = operator.input(0)
    val rows = if (depth == 0) 0 else input.elements / depth
    if (rows * depth != input.elements || rows < 1) operator.refuse("takes $input for weights of depth $depth")
    if (operator.boolean(KEEPS_RANK)) {
        if (input.shape.lastOrNull() != depth) operator.refuse("takes $input for weights of depth $depth")
        operator.requireOutput(*input.shape.copyOf().also { it[it.size - 1] = outs })
    } else {
        operator.requireOutput(rows, outs)
    }
    return rows
}

/** The float bias of an operator, if it has one. */
internal fun Operator.floatBias(number: Int, outs: Int) = inputs.getOrNull(number)?.also {
    requireInputs(ElementType.FLOAT32, number)
    if (it.elements != outs) refuse("has bias $it for $outs outputs")
}
