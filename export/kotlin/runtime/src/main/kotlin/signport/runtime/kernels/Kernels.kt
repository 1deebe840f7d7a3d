package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** The kinds of operators that this library evaluates, by TFLite's names. */
internal object Kernels {
    private val moving: Map<String, KernelFactory> = MOVING_KERNELS
    private val float: Map<String, KernelFactory> = FLOAT_KERNELS
    private val int8: Map<String, KernelFactory> = INT8_KERNELS

    /** How [operator] is evaluated: by its int8 form where it touches an int8 tensor; null where it has none here. */
    fun factory(operator: Operator): KernelFactory? {
        val tensors = operator.inputs.filterNotNull() + operator.outputs
        val quantized = tensors.any { it.type == ElementType.INT8 || it.type == ElementType.INT16 }
        return (if (quantized) int8[operator.name] else float[operator.name]) ?: moving[operator.name]
    }
}
