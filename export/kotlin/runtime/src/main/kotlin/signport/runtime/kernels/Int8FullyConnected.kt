package signport.runtime.kernels

import signport.runtime.graph.Operator

private const val ACTIVATION = 0
private const val WEIGHTS_FORMAT = 1

/** The constant int8 weights (outputs, inputs) of a fully connected operator; its shapes are checked. */
internal class FullyConnectedWeights(operator: Operator) {
    private val tensor = operator.input(1)

    init {
        if (operator.byte(WEIGHTS_FORMAT) != 0) operator.refuse("has shuffled weights")
        if (tensor.rank != 2 || !tensor.isConstant) operator.refuse("has weights $tensor, not a constant matrix")
    }

    val outputs = tensor.shape[0]
    val inputs = tensor.shape[1]
    val rows = checkedRows(operator, outputs, inputs)
    val scales = operator.weightScales(tensor, 0, outputs)
    val matrix = turnedWeights(tensor.constantBytes(), outputs, inputs)
}

/** int8 inputs times int8 weights, plus an int32 bias. */
internal fun int8FullyConnected(operator: Operator): Prepared {
    val weights = FullyConnectedWeights(operator)
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    val multipliers = weights.scales.map { operator.multiplier(from.scale.toDouble() * it / to.scale) }
    val range = Int8Range.of(operator.activation(ACTIVATION), to)
    val sink = Int8Sink(multipliers, to.zeroPoint, range, roundsOnce = true)
    val bias = operator.int32Bias(2, weights.outputs)
    return Prepared { memory ->
        val source = memory.bytes(operator.input(0))
        val target = memory.bytes(operator.output)
        val sums = IntArray(weights.outputs)
        Kernel {
            for (row in 0 until weights.rows) {
                restart(sums, bias)
                addProduct(sums, weights.matrix, 0, source, row * weights.inputs, weights.inputs, from.zeroPoint)
                sink.store(sums, target, row * weights.outputs)
            }
        }
    }
}
