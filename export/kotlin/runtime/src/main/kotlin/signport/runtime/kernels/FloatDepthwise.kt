package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** DEPTHWISE_CONV_2D. */
internal fun floatDepthwiseConvolution(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0, 1)
    val shape = ConvolutionShape.ofDepthwise(operator)
    val activation = ConvolutionShape.depthwiseActivation(operator)
    val biasTensor = operator.floatBias(2, shape.outs)
    return Prepared { memory ->
        val input = memory.floats(operator.input(0))
        val weights = memory.floats(operator.input(1))
        val out = memory.floats(operator.output)
        val last = BiasAndLimits(biasTensor?.let { memory.floats(it) }, activation)
        Kernel {
            out.fill(0f)
            for (image in 0 until shape.batch) {
                for (y in 0 until shape.rows.output) convolveDepthwise(shape, image, y, input, weights, out, last)
            }
        }
    }
}

private fun convolveDepthwise(
    shape: ConvolutionShape,
    image: Int,
    y: Int,
    input: FloatArray,
    weights: FloatArray,
    out: FloatArray,
    last: BiasAndLimits,
) {
    val rows = shape.rows
    val columns = shape.columns
    for (x in 0 until columns.output) {
        val to = shape.outputAt(image, y, x)
        for (tapY in rows.firstTap(y) until rows.endTap(y)) {
            for (tapX in columns.firstTap(x) until columns.endTap(x)) {
                val sourceY = rows.start(y) + tapY * rows.dilation
                val from = shape.inputAt(image, sourceY, columns.start(x) + tapX * columns.dilation)
                val row = (tapY * columns.filter + tapX) * shape.outs
                addDepthwise(input, from, weights, row, out, to, shape.channels, shape.outs)
            }
        }
        last.apply(out, to, shape.outs)
    }
}

/** Adds one tap of a pixel to the outputs of each of its channels. */
private fun addDepthwise(
    input: FloatArray,
    from: Int,
    weights: FloatArray,
    row: Int,
    out: FloatArray,
    to: Int,
    channels: Int,
    outs: Int,
) {
    if (channels == outs) {
        for (c in 0 until outs) out[to + c] += input[from + c] * weights[row + c]
        return
    }
    val multiplier = outs / channels
    for (channel in 0 until channels) {
        val value = input[from + channel]
        val first = channel * multiplier
        for (o in first until first + multiplier) out[to + o] += value * weights[row + o]
    }
}

/** Adds a bias to each row of outputs and limits them. */
private class BiasAndLimits(private val bias: FloatArray?, activation: Activation) {
    private val least = activation.floatLeast
    private val most = activation.floatMost

    fun apply(out: FloatArray, at: Int, outs: Int) {
        for (o in 0 until outs) out[at + o] = minOf(maxOf(out[at + o] + (bias?.get(o) ?: 0f), least), most)
    }
}
