package signport.runtime.kernels

import signport.runtime.graph.Operator

/** Fields of `StridedSliceOptions`; in masks, bit i is about entry i of begins, ends and strides. */
private const val BEGIN_MASK = 0
private const val END_MASK = 1
private const val ELLIPSIS_MASK = 2
private const val NEW_AXIS_MASK = 3
private const val SHRINK_AXIS_MASK = 4
private const val ENDS_ARE_SIZES = 5

/** One dimension of a slice: [size] elements from [start] on, [step] apart; in the output, or dropped from it. */
private class Cut(val start: Int, val size: Int, val step: Int, val dropped: Boolean)

/** STRIDED_SLICE: input, begins, ends, strides (constants). */
internal fun stridedSlice(operator: Operator): Prepared {
    val input = operator.input(0)
    val cuts = cuts(operator, input.shape)
    val shape = cuts.filter { !it.dropped }.map { it.size }
    val steps = stridesOf(input.shape)
    var axis = 0
    var start = 0
    val strides = cuts.map { cut ->
        // A new axis has step 0 and none in the input.
        val stride = if (cut.step == 0) 0 else steps[axis++]
        start += cut.start * stride
        cut.step * stride
    }
    if (shape != operator.output.shape.toList()) operator.refuse("cuts $shape from $input for ${operator.output}")
    val walked = cuts.map { it.size }.toIntArray()
    return moving(operator, listOf(Movement.strided(input, operator.output, walked, start, strides.toIntArray())), 0)
}

/** What is taken of each dimension, new ones among them. */
private fun cuts(operator: Operator, shape: IntArray): List<Cut> {
    val entries = operator.constantInts(1).size
    if (operator.constantInts(2).size != entries || operator.constantInts(3).size != entries) {
        operator.refuse("has begins, ends and strides of different counts")
    }
    fun masked(field: Int, entry: Int) = operator.int(field) and (1 shl entry) != 0
    val ellipses = (0 until entries).filter { masked(ELLIPSIS_MASK, it) }
    val added = (0 until entries).count { masked(NEW_AXIS_MASK, it) && it !in ellipses }
    val spanned = shape.size - (entries - added - ellipses.size)
    if (ellipses.size > 1 || spanned < 0) {
        operator.refuse("has $entries entries, ${ellipses.size} ellipses, for ${operator.input(0)}")
    }
    val cuts = mutableListOf<Cut>()
    var axis = 0
    fun keepAll(count: Int) = repeat(count) { cuts += Cut(0, shape[axis++], 1, false) }
    for (entry in 0 until entries) {
        when {
            entry in ellipses -> keepAll(spanned)
            masked(NEW_AXIS_MASK, entry) -> cuts += Cut(0, 1, 0, false)
            else -> cuts += cut(operator, entry, shape[axis++])
        }
    }
    keepAll(shape.size - axis)
    return cuts
}

/** What is taken of a dimension of [size], as TFLite's `StridedSliceStartForAxis` and `…EndForAxis` have it. */
private fun cut(operator: Operator, entry: Int, size: Int): Cut {
    val bit = 1 shl entry
    val step = operator.constantInts(3)[entry]
    if (step == 0) operator.refuse("has stride 0")
    val least = if (step > 0) 0 else -1
    val most = if (step > 0) size else size - 1
    fun placed(value: Int) = (if (value < 0) value + size else value).coerceIn(least, most)
    val begin = operator.constantInts(1)[entry]
    val start = if (operator.int(BEGIN_MASK) and bit != 0) (if (step > 0) 0 else size - 1) else placed(begin)
    if (operator.int(SHRINK_AXIS_MASK) and bit != 0) {
        // The reference kernel reads beyond the input here.
        if (start < 0 || start >= size || step < 0) operator.refuse("takes element $begin of $size by stride $step")
        return Cut(start, 1, 1, true)
    }
    val named = operator.constantInts(2)[entry]
    val end = when {
        operator.int(END_MASK) and bit != 0 -> if (step > 0) size else -1
        operator.boolean(ENDS_ARE_SIZES) -> (start + named).coerceIn(least, most)
        else -> placed(named)
    }
    val span = if (step > 0) end - start else start - end
    val stride = Math.abs(step)
    return Cut(start, maxOf(0, (span + stride - 1) / stride), step, false)
}
