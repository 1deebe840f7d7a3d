package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.Operator
import signport.runtime.graph.Tensor

private object ConcatenationFields {
    const val AXIS = 0
    const val FUSED_ACTIVATION = 1
}

/** Where `PackOptions` and `UnpackOptions` have their axis. */
private const val PACK_AXIS = 1

/** CONCATENATION along an axis. */
internal fun concatenation(operator: Operator): Prepared {
    val activation = operator.activation(ConcatenationFields.FUSED_ACTIVATION)
    if (activation != Activation.NONE) operator.refuse("has the activation $activation")
    val axis = operator.axis(operator.int(ConcatenationFields.AXIS), operator.output.rank)
    val parts = operator.inputs.indices.map { operator.input(it) }
    return moving(operator, joined(operator, parts, operator.output, axis, true), *IntArray(parts.size) { it })
}

/** PACK: tensors of one shape become steps of a new axis. */
internal fun pack(operator: Operator): Prepared {
    val axis = operator.axis(operator.int(PACK_AXIS), operator.output.rank)
    val parts = operator.inputs.indices.map { operator.input(it) }
    requireSteps(operator, parts, operator.output, axis)
    val movements = slabs(parts, operator.output, axis, parts.map { 1 }, true)
    return moving(operator, movements, *IntArray(parts.size) { it })
}

/** UNPACK: steps of an axis become tensors without it. */
internal fun unpack(operator: Operator): Prepared {
    val whole = operator.input(0)
    val axis = operator.axis(operator.int(PACK_AXIS), whole.rank)
    requireSteps(operator, operator.outputs, whole, axis)
    return moving(operator, slabs(operator.outputs, whole, axis, operator.outputs.map { 1 }, false), 0)
}

/** SPLIT: input 1 in equal parts along the axis that input 0 names. */
internal fun split(operator: Operator): Prepared = parted(operator, 1, 0)

/** SPLIT_V: input 0 in parts of the outputs' sizes along the axis that input 2 names. */
internal fun splitV(operator: Operator): Prepared = parted(operator, 0, 2)

private fun parted(operator: Operator, input: Int, axisInput: Int): Prepared {
    val whole = operator.input(input)
    val named = operator.constantInts(axisInput).singleOrNull() ?: operator.refuse("splits along several axes")
    val axis = operator.axis(named, whole.rank)
    return moving(operator, joined(operator, operator.outputs, whole, axis, false), input)
}

private fun requireSteps(operator: Operator, parts: List<Tensor>, whole: Tensor, axis: Int) {
    val step = whole.shape.toMutableList().also { it.removeAt(axis) }
    val odd = parts.firstOrNull { it.shape.toList() != step }
    if (odd != null || parts.size != whole.shape[axis]) {
        operator.refuse("has ${parts.size} parts, of them ${odd ?: parts.firstOrNull()}, for $whole along axis $axis")
    }
}

private fun joined(
    operator: Operator,
    parts: List<Tensor>,
    whole: Tensor,
    axis: Int,
    gathers: Boolean,
): List<Movement> {
    for (part in parts) {
        val fits = part.rank == whole.rank && part.shape.indices.all { it == axis || part.shape[it] == whole.shape[it] }
        if (!fits) operator.refuse("has part $part of $whole along axis $axis")
    }
    val sizes = parts.map { it.shape[axis] }
    if (sizes.sum() != whole.shape[axis]) operator.refuse("has parts of sizes $sizes for $whole along axis $axis")
    return slabs(parts, whole, axis, sizes, gathers)
}

/** Movements between [whole] and its [parts] along [axis], to the whole if it [gathers] them. */
private fun slabs(parts: List<Tensor>, whole: Tensor, axis: Int, sizes: List<Int>, gathers: Boolean): List<Movement> {
    val inner = elementsOf(whole.shape.copyOfRange(axis + 1, whole.rank))
    val outer = elementsOf(whole.shape.copyOfRange(0, axis))
    val stride = whole.shape[axis] * inner
    var before = 0
    return parts.mapIndexed { number, part ->
        val length = sizes[number] * inner
        val start = before
        before += length
        val ofPart = IntArray(outer) { it * length }
        val ofWhole = IntArray(outer) { it * stride + start }
        if (gathers) Movement(part, whole, length, ofPart, ofWhole) else Movement(whole, part, length, ofWhole, ofPart)
    }
}
