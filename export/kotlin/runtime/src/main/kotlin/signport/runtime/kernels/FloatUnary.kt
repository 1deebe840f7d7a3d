package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator
import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.sqrt

/** Above this LOGISTIC is 1, and below the other one e^x, in TFLite's reference kernels. */
private const val LOGISTIC_ONE = 16.619047164916992188f
private const val LOGISTIC_EXP = -9f

/** Where `LeakyReluOptions` has its slope. */
private const val SLOPE = 0

/** Functions of one tensor, element by element. NaN stays NaN. */
internal val FLOAT_UNARY_KERNELS: Map<String, KernelFactory> = mapOf(
    "ABS" to unary { abs(it) },
    "NEG" to unary { -it },
    "SQUARE" to unary { it * it },
    "SQRT" to unary { squareRoot(it) },
    "RSQRT" to unary { 1f / squareRoot(it) },
    "EXP" to unary { exponential(it) },
    "FLOOR" to unary { floor(it) },
    "ROUND" to unary { Math.rint(it.toDouble()).toFloat() },
    "TANH" to unary { hyperbolicTangent(it) },
    "LOGISTIC" to unary { logistic(it) },
    "RELU" to unary { if (it < 0f) 0f else it },
    "RELU6" to unary {
        if (it > 6f) {
            6f
        } else if (it < 0f) {
            0f
        } else {
            it
        }
    },
    "RELU_N1_TO_1" to unary {
        if (it > 1f) {
            1f
        } else if (it < -1f) {
            -1f
        } else {
            it
        }
    },
    "LEAKY_RELU" to KernelFactory(::leakyRelu),
    "CAST" to KernelFactory(::cast),
)

private inline fun unary(crossinline function: (Float) -> Float): KernelFactory = KernelFactory { operator ->
    operator.requireAll(ElementType.FLOAT32, 0)
    operator.requireSameShape()
    Prepared { memory ->
        val from = memory.floats(operator.input(0))
        val to = memory.floats(operator.output)
        Kernel {
            val input = from
            val out = to
            for (at in out.indices) out[at] = function(input[at])
        }
    }
}

/** Correctly rounded: a double has more than twice the digits that a float has. */
private fun squareRoot(x: Float): Float = sqrt(x.toDouble()).toFloat()

private fun logistic(x: Float): Float = if (x > LOGISTIC_ONE) {
    1f
} else if (x < LOGISTIC_EXP) {
    exponential(x)
} else {
    1f / (1f + exponential(-x))
}

private fun leakyRelu(operator: Operator): Prepared {
    val slope = operator.float(SLOPE)
    return unary { if (it > 0f) it else it * slope }.prepare(operator)
}

private fun cast(operator: Operator): Prepared {
    operator.requireSameShape()
    val input = operator.input(0)
    val output = operator.output
    return when (input.type to output.type) {
        ElementType.BOOL to ElementType.FLOAT32 -> Prepared { memory ->
            val from = memory.bytes(input)
            val to = memory.floats(output)
            Kernel { for (at in to.indices) to[at] = from[at].toFloat() }
        }

        ElementType.BOOL to ElementType.INT32 -> Prepared { memory ->
            val from = memory.bytes(input)
            val to = memory.ints(output)
            Kernel { for (at in to.indices) to[at] = from[at].toInt() }
        }

        ElementType.INT32 to ElementType.FLOAT32 -> Prepared { memory ->
            val from = memory.ints(input)
            val to = memory.floats(output)
            Kernel { for (at in to.indices) to[at] = from[at].toFloat() }
        }

        ElementType.INT32 to ElementType.BOOL -> Prepared { memory ->
            val from = memory.ints(input)
            val to = memory.bytes(output)
            Kernel { for (at in to.indices) to[at] = if (from[at] != 0) 1 else 0 }
        }

        ElementType.FLOAT32 to ElementType.INT32 -> Prepared { memory ->
            val from = memory.floats(input)
            val to = memory.ints(output)
            // The reference kernel makes the largest number of NaN, Kotlin zero.
            Kernel { for (at in to.indices) to[at] = if (from[at].isNaN()) Int.MAX_VALUE else from[at].toInt() }
        }

        ElementType.FLOAT32 to ElementType.BOOL -> Prepared { memory ->
            val from = memory.floats(input)
            val to = memory.bytes(output)
            Kernel { for (at in to.indices) to[at] = if (from[at] != 0f) 1 else 0 }
        }

        else -> operator.refuse("makes $output of $input")
    }
}
