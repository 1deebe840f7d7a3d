package signport.runtime.kernels

/** Operators that only move elements, whatever their type. */
internal val MOVING_KERNELS: Map<String, KernelFactory> = mapOf(
    "CONCATENATION" to KernelFactory(::concatenation),
    "EXPAND_DIMS" to KernelFactory(::reshape),
    "GATHER" to KernelFactory(::gather),
    "PACK" to KernelFactory(::pack),
    "PAD" to KernelFactory(::pad),
    "RESHAPE" to KernelFactory(::reshape),
    "SLICE" to KernelFactory(::slice),
    "SPLIT" to KernelFactory(::split),
    "SPLIT_V" to KernelFactory(::splitV),
    "SQUEEZE" to KernelFactory(::reshape),
    "STRIDED_SLICE" to KernelFactory(::stridedSlice),
    "TRANSPOSE" to KernelFactory(::transposeAxes),
    "UNPACK" to KernelFactory(::unpack),
)
