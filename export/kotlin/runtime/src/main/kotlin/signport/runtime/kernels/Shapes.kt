package signport.runtime.kernels

import signport.runtime.graph.Operator

/** Row-major strides, in elements. */
internal fun stridesOf(shape: IntArray): IntArray {
    val strides = IntArray(shape.size)
    var stride = 1
    for (axis in shape.indices.reversed()) {
        strides[axis] = stride
        stride *= shape[axis]
    }
    return strides
}

internal fun elementsOf(shape: IntArray): Int = shape.fold(1) { product, size -> product * size }

/** An axis of a tensor of [rank], where negative ones count from the end. */
internal fun Operator.axis(value: Int, rank: Int): Int {
    if (value < -rank || value >= rank) refuse("has axis $value for a tensor of rank $rank")
    return if (value < 0) value + rank else value
}

/**
 * How the elements of several inputs meet in an elementwise operator that broadcasts.
 *
 * The output is cut into [blocks] runs of [run] elements each. In a run, each input moves on by its [steps] (1, or 0
 * where one element meets all) from its [starts].
 *
 * @property shape Of the output.
 * @property steps For each input.
 * @property starts For each input, for each block.
 */
internal class Broadcast private constructor(
    val shape: IntArray,
    val run: Int,
    val steps: IntArray,
    val starts: Array<IntArray>,
) {
    val blocks: Int get() = starts[0].size
    val elements: Int get() = blocks * run

    /** Which element of an input meets each element of the output. */
    fun indices(input: Int): IntArray = IntArray(elements) { starts[input][it / run] + it % run * steps[input] }

    internal companion object {
        /** The meeting of [operator]'s inputs of the given numbers, which has to have the shape of its output. */
        fun of(operator: Operator, vararg inputs: Int): Broadcast {
            val shape = operator.output.shape
            val shapes = inputs.map { operator.input(it).shape }
            val fits = shape.indices.all { axis ->
                val sizes = shapes.map { it.getOrElse(axis - shape.size + it.size) { 1 } }
                sizes.all { it == 1 || it == shape[axis] } && (shape[axis] in sizes)
            }
            if (!fits || shapes.any { it.size > shape.size }) {
                val told = shapes.joinToString(" and ") { it.contentToString() }
                operator.refuse("has inputs of shape $told for an output of shape ${shape.contentToString()}")
            }
            return of(shape, shapes)
        }

        fun of(shape: IntArray, inputs: List<IntArray>): Broadcast {
            val strides = inputs.map { broadcastStrides(it, shape) }
            // Axes of size 1 move nothing and would only break runs.
            val axes = shape.indices.filter { shape[it] != 1 }
            val steps = IntArray(inputs.size) { if (axes.isEmpty()) 0 else minOf(1, strides[it][axes.last()]) }
            var run = 1
            var outer = axes.size
            while (outer > 0 && strides.indices.all { strides[it][axes[outer - 1]] == steps[it] * run }) {
                outer--
                run *= shape[axes[outer]]
            }
            val outerAxes = axes.take(outer)
            val blocks = if (run == 0) 0 else outerAxes.fold(1) { product, axis -> product * shape[axis] }
            val starts = Array(inputs.size) { input -> startsOf(blocks, outerAxes, shape, strides[input]) }
            return Broadcast(shape, run, steps, starts)
        }

        private fun broadcastStrides(input: IntArray, shape: IntArray): IntArray {
            val own = stridesOf(input)
            val missing = shape.size - input.size
            return IntArray(shape.size) { if (it < missing || input[it - missing] == 1) 0 else own[it - missing] }
        }
    }
}

/**
 * Which elements of an input are taken together by a reduction.
 *
 * The input is read in its order, as [blocks] runs of [run] elements each. A run is reduced to the one output at its
 * [starts], or, where not [reducesRun], meets as many outputs from there on.
 *
 * @property count How many elements make one output.
 * @property outputs How many outputs there are.
 * @property overAll Whether every axis is named.
 */
internal class Reduction private constructor(
    val run: Int,
    val reducesRun: Boolean,
    val starts: IntArray,
    val count: Int,
    val outputs: Int,
    val overAll: Boolean,
) {
    val blocks: Int get() = starts.size

    internal companion object {
        private const val KEEPS_DIMENSIONS = 0

        /** A reduction with `ReducerOptions`: axes are input 1; the output's shape is checked. */
        fun of(operator: Operator): Reduction {
            val input = operator.input(0).shape
            val axes = operator.constantInts(1).map { operator.axis(it, input.size) }.toSet()
            val kept = operator.boolean(KEEPS_DIMENSIONS)
            val shape = input.indices.filter { kept || it !in axes }.map { if (it in axes) 1 else input[it] }
            if (shape != operator.output.shape.toList()) {
                operator.refuse("reduces ${operator.input(0)} over axes $axes to ${operator.output}")
            }
            return of(input, axes)
        }

        fun of(input: IntArray, axes: Set<Int>): Reduction {
            val reduced = IntArray(input.size) { if (it in axes) 1 else input[it] }
            val strides = stridesOf(reduced)
            val moving = input.indices.filter { input[it] != 1 }
            val reducesRun = moving.isNotEmpty() && moving.last() in axes
            var run = 1
            var outer = moving.size
            while (outer > 0 && (moving[outer - 1] in axes) == reducesRun) run *= input[moving[--outer]]
            val outerAxes = moving.take(outer)
            val blocks = if (run == 0) 0 else outerAxes.fold(1) { product, axis -> product * input[axis] }
            val outputStrides = IntArray(input.size) { if (it in axes) 0 else strides[it] }
            val count = axes.fold(1) { product, axis -> product * input[axis] }
            val starts = startsOf(blocks, outerAxes, input, outputStrides)
            return Reduction(run, reducesRun, starts, count, elementsOf(reduced), axes.size == input.size)
        }
    }
}

/** Where each step over [axes] of [shape], the last one fastest, stands in an array of these strides. */
private fun startsOf(blocks: Int, axes: List<Int>, shape: IntArray, strides: IntArray): IntArray =
    IntArray(blocks) { block ->
        var rest = block
        var start = 0
        for (axis in axes.asReversed()) {
            start += rest % shape[axis] * strides[axis]
            rest /= shape[axis]
        }
        start
    }

/**
 * One dimension of a convolution or pooling, as TFLite's `ComputePaddingWithOffset` lays it out.
 *
 * @property input Its size.
 * @property filter How many taps a filter has.
 * @property output How many outputs there are.
 * @property before How many places of padding lie in front of the input.
 */
internal class Window private constructor(
    val input: Int,
    val filter: Int,
    val stride: Int,
    val dilation: Int,
    val output: Int,
    val before: Int,
) {
    /** Where tap 0 of an output lies in the input; negative in the padding. */
    fun start(output: Int): Int = output * stride - before

    /** The first tap of an output that lies in the input. */
    fun firstTap(output: Int): Int = minOf(filter, maxOf(0, ceilDiv(-start(output), dilation)))

    /** The tap after the last one of an output that lies in the input. */
    fun endTap(output: Int): Int = maxOf(firstTap(output), minOf(filter, ceilDiv(input - start(output), dilation)))

    private fun ceilDiv(a: Int, b: Int): Int = -Math.floorDiv(-a, b)

    internal companion object {
        /** TFLite's `Padding`. */
        const val SAME = 0
        const val VALID = 1

        /** One dimension of [operator], whose output has to be as long as [output]. */
        fun of(
            operator: Operator,
            input: Int,
            filter: Int,
            stride: Int,
            dilation: Int,
            padding: Int,
            output: Int,
        ): Window {
            if (stride < 1 || dilation < 1) operator.refuse("has stride $stride and dilation $dilation")
            if (padding != SAME && padding != VALID) operator.refuse("has padding $padding")
            val spanned = (filter - 1) * dilation + 1
            val outputs = if (padding == SAME) (input + stride - 1) / stride else (input + stride - spanned) / stride
            if (outputs != output || outputs < 1) {
                operator.refuse("makes $outputs windows of $spanned from $input, and its output has $output")
            }
            val padded = maxOf(0, (outputs - 1) * stride + spanned - input)
            return Window(input, filter, stride, dilation, outputs, padded / 2)
        }
    }
}
