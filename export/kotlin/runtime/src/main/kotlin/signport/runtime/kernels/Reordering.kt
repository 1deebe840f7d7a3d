package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** RESHAPE, SQUEEZE and EXPAND_DIMS: the same elements in another shape. */
internal fun reshape(operator: Operator): Prepared {
    val input = operator.input(0)
    if (input.elements != operator.output.elements) operator.refuse("makes ${operator.output} of $input")
    return moving(operator, listOf(Movement.whole(input, operator.output)), 0)
}

/** TRANSPOSE: dimension i of the output is the one that the permutation names at i. */
internal fun transposeAxes(operator: Operator): Prepared {
    val input = operator.input(0)
    val order = operator.constantInts(1).map { operator.axis(it, input.rank) }
    if (order.sorted() != input.shape.indices.toList()) operator.refuse("puts ${input.rank} dimensions in order $order")
    operator.requireOutput(*order.map { input.shape[it] }.toIntArray())
    val strides = stridesOf(input.shape)
    val turned = order.map { strides[it] }.toIntArray()
    return moving(operator, listOf(Movement.strided(input, operator.output, operator.output.shape, 0, turned)), 0)
}

/** SLICE: input, begins, sizes (constants; size −1 is the rest). */
internal fun slice(operator: Operator): Prepared {
    val input = operator.input(0)
    val begins = operator.constantInts(1)
    val sizes = operator.constantInts(2)
    if (begins.size != input.rank || sizes.size != input.rank) operator.refuse("cuts ${begins.size} sizes from $input")
    val shape = IntArray(input.rank) { if (sizes[it] == -1) input.shape[it] - begins[it] else sizes[it] }
    val inside = shape.indices.all { begins[it] >= 0 && shape[it] >= 0 && begins[it] + shape[it] <= input.shape[it] }
    if (!inside) operator.refuse("cuts ${shape.contentToString()} from $input at ${begins.contentToString()}")
    operator.requireOutput(*shape)
    val strides = stridesOf(input.shape)
    val start = begins.indices.sumOf { begins[it] * strides[it] }
    return moving(operator, listOf(Movement.strided(input, operator.output, shape, start, strides)), 0)
}

/** PAD: input, paddings (rank, before and after; constant); the places around are zeros. */
internal fun pad(operator: Operator): Prepared {
    val input = operator.input(0)
    val output = operator.output
    val isInt8 = input.type == ElementType.INT8
    if (isInt8) operator.requireSameQuantization(input, output) else operator.requireAll(ElementType.FLOAT32, 0)
    val zero = if (isInt8) operator.int8Quantization(output).zeroPoint.toByte() else 0
    val paddings = operator.constantInts(1)
    if (paddings.size != 2 * input.rank || paddings.any { it < 0 }) {
        operator.refuse("pads $input by ${paddings.contentToString()}")
    }
    operator.requireOutput(*IntArray(input.rank) { paddings[2 * it] + input.shape[it] + paddings[2 * it + 1] })
    val strides = stridesOf(output.shape)
    val first = strides.indices.sumOf { paddings[2 * it] * strides[it] }
    val length = input.shape.lastOrNull() ?: 1
    val rows = if (length == 0) 0 else input.elements / length
    val targets = IntArray(rows) { row ->
        var rest = row
        var at = first
        for (axis in input.rank - 2 downTo 0) {
            at += rest % input.shape[axis] * strides[axis]
            rest /= input.shape[axis]
        }
        at
    }
    val inside = Movement(input, output, length, IntArray(rows) { it * length }, targets)
    return Prepared { memory ->
        val moves = inside.bind(memory)
        if (isInt8) {
            val out = memory.bytes(output)
            Kernel {
                out.fill(zero)
                moves.run()
            }
        } else {
            val out = memory.floats(output)
            Kernel {
                out.fill(0f)
                moves.run()
            }
        }
    }
}
