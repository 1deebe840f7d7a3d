package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val ACTIVATION = 0
private const val ASYMMETRIC = 3

/** float32 inputs, brought to int8 row by row, times int8 weights; float32 outputs. */
internal fun hybridFullyConnected(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0)
    val weights = FullyConnectedWeights(operator)
    val bias = operator.constantFloatBias(2, weights.outputs)
    val activation = operator.activation(ACTIVATION)
    val asymmetric = operator.boolean(ASYMMETRIC)
    return Prepared { memory ->
        val source = memory.floats(operator.input(0))
        val target = memory.floats(operator.output)
        val input = HybridInput(weights.inputs, asymmetric)
        val sums = IntArray(weights.outputs)
        Kernel {
            for (row in 0 until weights.rows) {
                input.read(source, row * weights.inputs, weights.inputs)
                restart(sums)
                addProduct(sums, weights.matrix, 0, input.values, 0, weights.inputs, input.zeroPoint)
                val at = row * weights.outputs
                for (o in sums.indices) {
                    val value = bias[o] + sums[o] * (input.scale * weights.scales[o])
                    target[at + o] = minOf(activation.most, maxOf(activation.least, value))
                }
            }
        }
    }
}

/** The constant float32 bias at input [index], or zeros where it is left out. */
internal fun Operator.constantFloatBias(index: Int, channels: Int): FloatArray {
    val tensor = floatBias(index, channels) ?: return FloatArray(channels)
    if (!tensor.isConstant) refuse("has a bias that is computed")
    return tensor.constantFloats()
}
