package signport.runtime.kernels

import signport.runtime.graph.ElementType

/** Where `AddOptions`, `SubOptions`, `MulOptions` and `DivOptions` have their activation. */
private const val FUSED_ACTIVATION = 0

/**
 * Arithmetic on two tensors that broadcast.
 *
 * To the bit of the reference kernels, but for the sign of a zero that passes an activation.
 */
internal val FLOAT_BINARY_KERNELS: Map<String, KernelFactory> = mapOf(
    "ADD" to limited { a, b -> a + b },
    "SUB" to limited { a, b -> a - b },
    "MUL" to limited { a, b -> a * b },
    "DIV" to limited { a, b -> a / b },
    // Where neither is larger (NaN, or zeros of two signs) the second one is taken, as the reference kernels do.
    "MAXIMUM" to unlimited { a, b -> if (a > b) a else b },
    "MINIMUM" to unlimited { a, b -> if (a < b) a else b },
    "SQUARED_DIFFERENCE" to unlimited { a, b -> (a - b) * (a - b) },
    "PRELU" to unlimited { a, slope -> if (a >= 0f) a else a * slope },
)

private inline fun limited(crossinline operation: (Float, Float) -> Float): KernelFactory = KernelFactory { operator ->
    operator.requireAll(ElementType.FLOAT32, 0, 1)
    val pairs = FloatPairs(Broadcast.of(operator, 0, 1))
    val activation = operator.activation(FUSED_ACTIVATION)
    val least = activation.floatLeast
    val most = activation.floatMost
    Prepared { memory ->
        val a = memory.floats(operator.input(0))
        val b = memory.floats(operator.input(1))
        val result = memory.floats(operator.output)
        Kernel {
            val out = result
            val floor = least
            val roof = most
            pairs.forEach(a, b) { at, x, y -> out[at] = minOf(maxOf(operation(x, y), floor), roof) }
        }
    }
}

private inline fun unlimited(crossinline operation: (Float, Float) -> Float): KernelFactory =
    KernelFactory { operator ->
        operator.requireAll(ElementType.FLOAT32, 0, 1)
        val pairs = FloatPairs(Broadcast.of(operator, 0, 1))
        Prepared { memory ->
            val a = memory.floats(operator.input(0))
            val b = memory.floats(operator.input(1))
            val result = memory.floats(operator.output)
            Kernel {
                val out = result
                pairs.forEach(a, b) { at, x, y -> out[at] = operation(x, y) }
            }
        }
    }
