package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private val SUM = reduction(0f, false) { sum, x -> sum + x }

/** Reductions over axes: input (…), axes (constant ints). */
internal val FLOAT_REDUCTION_KERNELS: Map<String, KernelFactory> = mapOf(
    "SUM" to SUM,
    "MEAN" to KernelFactory(::mean),
    // As the reference kernels start and compare: NaN is passed over, and nothing but NaN gives the start; over a whole
    // tensor they start from its first element, so that a NaN there stays.
    "REDUCE_MAX" to reduction(-Float.MAX_VALUE, true) { largest, x -> if (x > largest) x else largest },
    "REDUCE_MIN" to reduction(Float.MAX_VALUE, true) { least, x -> if (x < least) x else least },
)

private inline fun reduction(
    start: Float,
    fromFirst: Boolean,
    crossinline step: (Float, Float) -> Float,
): KernelFactory = KernelFactory { operator ->
    operator.requireAll(ElementType.FLOAT32, 0)
    val plan = Reduction.of(operator)
    val startsFromFirst = fromFirst && plan.overAll && operator.input(0).elements > 0
    Prepared { memory ->
        val input = memory.floats(operator.input(0))
        val out = memory.floats(operator.output)
        Kernel {
            out.fill(if (startsFromFirst) input[0] else start)
            plan.walk(input, out) { reduced, x -> step(reduced, x) }
        }
    }
}

private fun mean(operator: Operator): Prepared {
    val sum = SUM.prepare(operator)
    val count = Reduction.of(operator).count.toFloat()
    return Prepared { memory ->
        val adds = sum.bind(memory)
        val out = memory.floats(operator.output)
        Kernel {
            adds.run()
            for (at in out.indices) out[at] /= count
        }
    }
}

/** Takes each element of the input, in its order, into its output. */
private inline fun Reduction.walk(input: FloatArray, out: FloatArray, step: (reduced: Float, x: Float) -> Float) {
    val length = run
    val to = starts
    for (block in to.indices) {
        val from = block * length
        val at = to[block]
        if (reducesRun) {
            var reduced = out[at]
            for (i in from until from + length) reduced = step(reduced, input[i])
            out[at] = reduced
        } else {
            for (i in 0 until length) out[at + i] = step(out[at + i], input[from + i])
        }
    }
}
