package signport.runtime.kernels

/** Operators on float32 tensors, and those that give booleans from them. */
internal val FLOAT_KERNELS: Map<String, KernelFactory> =
    FLOAT_BINARY_KERNELS + FLOAT_LOGIC_KERNELS + FLOAT_UNARY_KERNELS + FLOAT_REDUCTION_KERNELS + mapOf(
        "FULLY_CONNECTED" to KernelFactory(::floatFullyConnected),
        "CONV_2D" to KernelFactory(::floatConvolution),
        "DEPTHWISE_CONV_2D" to KernelFactory(::floatDepthwiseConvolution),
        "BATCH_MATMUL" to KernelFactory(::floatBatchMatMul),
        "SOFTMAX" to KernelFactory(::floatSoftmax),
        "TOPK_V2" to KernelFactory(::topK),
    )
