package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Memory
import signport.runtime.graph.Operator
import signport.runtime.graph.Tensor

/**
 * Elements that go from one tensor to another unchanged, in runs of [length] each: run i from `starts[i]` of [from] to
 * `targets[i]` of [to].
 */
internal class Movement(
    private val from: Tensor,
    private val to: Tensor,
    private val length: Int,
    private val starts: IntArray,
    private val targets: IntArray,
) {
    fun bind(memory: Memory): Kernel {
        val source = memory.array(from)
        val target = memory.array(to)
        if (length >= SHORT_RUN || length == from.elements || starts.size == 1) return runs(source, target)
        val sources = spread(starts)
        val places = spread(targets)
        return when (source) {
            is FloatArray -> floats(source, target as FloatArray, sources, places)
            is IntArray -> ints(source, target as IntArray, sources, places)
            else -> bytes(source as ByteArray, target as ByteArray, sources, places)
        }
    }

    private fun spread(starts: IntArray) = IntArray(starts.size * length) { starts[it / length] + it % length }

    private fun runs(source: Any, target: Any) = Kernel {
        for (i in starts.indices) System.arraycopy(source, starts[i], target, targets[i], length)
    }

    private fun floats(source: FloatArray, target: FloatArray, sources: IntArray, places: IntArray) = Kernel {
        for (i in sources.indices) target[places[i]] = source[sources[i]]
    }

    private fun ints(source: IntArray, target: IntArray, sources: IntArray, places: IntArray) = Kernel {
        for (i in sources.indices) target[places[i]] = source[sources[i]]
    }

    private fun bytes(source: ByteArray, target: ByteArray, sources: IntArray, places: IntArray) = Kernel {
        for (i in sources.indices) target[places[i]] = source[sources[i]]
    }

    internal companion object {
        /** The whole of a tensor. */
        fun whole(from: Tensor, to: Tensor): Movement = Movement(from, to, from.elements, intArrayOf(0), intArrayOf(0))

        /**
         * All of [to], in its order, from where strides lead.
         *
         * @param shape Of [to], or one with as many elements.
         * @param start The element of [from] that comes first.
         * @param strides How far one step of each dimension of [shape] goes in [from].
         */
        fun strided(from: Tensor, to: Tensor, shape: IntArray, start: Int, strides: IntArray): Movement {
            var length = 1
            var outer = shape.size
            while (outer > 0 && (shape[outer - 1] == 1 || strides[outer - 1] == length)) length *= shape[--outer]
            val blocks = if (length == 0) 0 else to.elements / length
            val starts = IntArray(blocks) { block ->
                var rest = block
                var at = start
                for (axis in outer - 1 downTo 0) {
                    at += rest % shape[axis] * strides[axis]
                    rest /= shape[axis]
                }
                at
            }
            return Movement(from, to, length, starts, IntArray(blocks) { it * length })
        }
    }
}

/** An operator that is nothing but movements: their types and quantization have to be the same on both sides. */
internal fun moving(operator: Operator, movements: List<Movement>, vararg inputs: Int): Prepared {
    requireMovable(operator, *inputs)
    val several = movements.toTypedArray()
    return Prepared { memory ->
        val kernels = Array(several.size) { several[it].bind(memory) }
        if (kernels.size == 1) kernels[0] else Kernel { for (kernel in kernels) kernel.run() }
    }
}

/** Refuses an operator that would have to convert what it moves. */
internal fun requireMovable(operator: Operator, vararg inputs: Int) {
    val tensors = inputs.map { operator.input(it) }
    for (tensor in tensors) requireEqualElements(operator, tensor, operator.output)
    for (output in operator.outputs) requireEqualElements(operator, tensors[0], output)
}

private fun requireEqualElements(operator: Operator, one: Tensor, other: Tensor) {
    if (one.type != other.type) operator.refuse("moves $one to $other")
    if (one.type !in MOVED_TYPES) operator.refuse("moves elements of type ${one.type}")
    if (one.type != ElementType.INT8 && one.type != ElementType.UINT8) return
    val a = one.quantization
    val b = other.quantization
    val equal = a?.scales.contentEquals(b?.scales) && a?.zeroPoints.contentEquals(b?.zeroPoints)
    if (!equal) operator.refuse("moves $one to $other, which have different scales")
}

private val MOVED_TYPES = setOf(
    ElementType.FLOAT32,
    ElementType.INT32,
    ElementType.INT64,
    ElementType.BOOL,
    ElementType.INT8,
    ElementType.UINT8,
)
