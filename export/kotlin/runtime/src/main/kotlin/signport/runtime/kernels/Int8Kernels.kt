package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** Operators on int8 tensors, after TFLite's quantization specification and to the bit of its reference kernels. */
internal val INT8_KERNELS: Map<String, KernelFactory> = mapOf(
    "ADD" to KernelFactory(::int8Add),
    "BATCH_MATMUL" to KernelFactory(::int8BatchMatMul),
    "CONCATENATION" to KernelFactory(::int8Concatenation),
    "CONV_2D" to KernelFactory { if (isHybrid(it)) hybridConvolution(it) else int8Convolution(it) },
    "DEPTHWISE_CONV_2D" to
        KernelFactory { if (isHybrid(it)) hybridDepthwiseConvolution(it) else int8DepthwiseConvolution(it) },
    "DEQUANTIZE" to KernelFactory(::int8Dequantize),
    "FULLY_CONNECTED" to KernelFactory { if (isHybrid(it)) hybridFullyConnected(it) else int8FullyConnected(it) },
    "LOGISTIC" to KernelFactory(::int8Logistic),
    "MAXIMUM" to KernelFactory(::int8Maximum),
    "MEAN" to KernelFactory(::int8Mean),
    "MINIMUM" to KernelFactory(::int8Minimum),
    "MUL" to KernelFactory(::int8Mul),
    "QUANTIZE" to KernelFactory(::int8Quantize),
    "REDUCE_MAX" to KernelFactory(::int8ReduceMax),
    "REDUCE_MIN" to KernelFactory(::int8ReduceMin),
    "RELU" to KernelFactory { int8Relu(it, Activation.RELU) },
    "RELU6" to KernelFactory { int8Relu(it, Activation.RELU6) },
    "RSQRT" to KernelFactory(::int8Rsqrt),
    "SOFTMAX" to KernelFactory(::int8Softmax),
    "SUB" to KernelFactory(::int8Sub),
    "TANH" to KernelFactory(::int8Tanh),
)

/** Whether floats meet int8 weights, as in dynamic-range files. */
private fun isHybrid(operator: Operator): Boolean = operator.input(0).type == ElementType.FLOAT32

/** Moves elements as they are, so all have to have one scale; LiteRT too takes only that. */
private fun int8Concatenation(operator: Operator): Prepared {
    operator.inputs.indices.forEach { operator.requireSameQuantization(operator.input(it), operator.output) }
    return concatenation(operator)
}
