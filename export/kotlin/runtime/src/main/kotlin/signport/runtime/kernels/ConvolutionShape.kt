package signport.runtime.kernels

import signport.runtime.graph.Operator

/** Fields that `Conv2DOptions` and `DepthwiseConv2DOptions` share. */
private const val PADDING = 0
private const val STRIDE_WIDTH = 1
private const val STRIDE_HEIGHT = 2

private object ConvolutionFields {
    const val FUSED_ACTIVATION = 3
    const val DILATION_WIDTH = 4
    const val DILATION_HEIGHT = 5
}

private object DepthwiseFields {
    const val FUSED_ACTIVATION = 4
    const val DILATION_WIDTH = 5
    const val DILATION_HEIGHT = 6
}

/**
 * The shapes of a 2-D convolution, whatever its element types: inputs (batch, height, width, channels), outputs (batch,
 * height, width, outs), weights (outs, height, width, channels) or, for a depthwise one, (1, height, width, outs).
 *
 * @property rows The windows along the height.
 * @property columns The windows along the width.
 */
internal class ConvolutionShape private constructor(
    val batch: Int,
    val channels: Int,
    val outs: Int,
    val rows: Window,
    val columns: Window,
) {
    val taps: Int get() = rows.filter * columns.filter

    /** Where a pixel of the input starts. */
    fun inputAt(image: Int, y: Int, x: Int): Int = ((image * rows.input + y) * columns.input + x) * channels

    /** Where a pixel of the output starts. */
    fun outputAt(image: Int, y: Int, x: Int): Int = ((image * rows.output + y) * columns.output + x) * outs

    internal companion object {
        fun ofConvolution(operator: Operator): ConvolutionShape {
            val weights = operator.input(1).shape
            val outs = weights.getOrElse(0) { 0 }
            val shape = of(operator, ConvolutionFields.DILATION_WIDTH, ConvolutionFields.DILATION_HEIGHT, outs)
            if (weights[3] != shape.channels) {
                operator.refuse("has groups: weights ${operator.input(1)} for ${operator.input(0)}")
            }
            return shape
        }

        fun ofDepthwise(operator: Operator): ConvolutionShape {
            val weights = operator.input(1).shape
            val outs = weights.getOrElse(3) { 0 }
            val shape = of(operator, DepthwiseFields.DILATION_WIDTH, DepthwiseFields.DILATION_HEIGHT, outs)
            if (weights[0] != 1 || outs % shape.channels != 0) {
                operator.refuse("has weights ${operator.input(1)} for ${operator.input(0)}")
            }
            return shape
        }

        fun convolutionActivation(operator: Operator) = operator.activation(ConvolutionFields.FUSED_ACTIVATION)

        fun depthwiseActivation(operator: Operator) = operator.activation(DepthwiseFields.FUSED_ACTIVATION)

        private fun of(operator: Operator, dilationWidth: Int, dilationHeight: Int, outs: Int): ConvolutionShape {
            val input = operator.input(0)
            val weights = operator.input(1)
            val output = operator.output
            if (input.rank != 4 || weights.rank != 4 || output.rank != 4 || input.elements == 0) {
                operator.refuse("makes $output of $input by $weights")
            }
            if (output.shape[0] != input.shape[0] || output.shape[3] != outs) {
                operator.refuse("makes $output of $input by $weights")
            }
            val padding = operator.byte(PADDING)
            fun window(axis: Int, stride: Int, dilation: Int): Window {
                val (taken, taps, made) = listOf(input, weights, output).map { it.shape[axis] }
                return Window.of(operator, taken, taps, operator.int(stride), operator.int(dilation, 1), padding, made)
            }
            val rows = window(1, STRIDE_HEIGHT, dilationHeight)
            val columns = window(2, STRIDE_WIDTH, dilationWidth)
            return ConvolutionShape(input.shape[0], input.shape[3], outs, rows, columns)
        }
    }
}
