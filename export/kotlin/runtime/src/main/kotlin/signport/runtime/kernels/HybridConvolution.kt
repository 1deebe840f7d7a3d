package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** float32 images, brought to int8 image by image, convolved with int8 filters of a scale each; float32 outputs. */
internal fun hybridConvolution(operator: Operator): Prepared {
    val shape = ConvolutionShape.ofConvolution(operator)
    val scales = operator.filterScales(0, shape.outs)
    val sums = ConvolutionSums(shape, operator.input(1).constantBytes())
    // The order of the products is that of the reference kernels, each of which has its own.
    return hybrid(operator, shape, ConvolutionShape.convolutionActivation(operator), sums) { sum, out, scale ->
        sum * scales[out] * scale
    }
}

/** The same, each channel by itself. */
internal fun hybridDepthwiseConvolution(operator: Operator): Prepared {
    val shape = ConvolutionShape.ofDepthwise(operator)
    val scales = operator.filterScales(3, shape.outs)
    val sums = DepthwiseSums(shape, operator.input(1).constantBytes())
    return hybrid(operator, shape, ConvolutionShape.depthwiseActivation(operator), sums) { sum, out, scale ->
        sum * (scales[out] * scale)
    }
}

/** The scale of each filter, whose numbers lie along [axis] of the weights. */
private fun Operator.filterScales(axis: Int, outs: Int): FloatArray {
    val weights = constantWeights()
    if (weights.quantization?.scales?.size != outs) refuse("has weights $weights without a scale for each filter")
    val scales = weightScales(weights, axis, outs)
    // LiteRT takes those for one scale of the whole tensor, and then brings images to int8 symmetrically.
    if (scales.all { it == 1f }) refuse("has weights $weights of scales that are all 1")
    return scales
}

/** What the int32 [sum] of output channel [out] stands for, in steps of an image of this [scale]. */
private fun interface Unscaled {
    fun of(sum: Int, out: Int, scale: Float): Float
}

private fun hybrid(
    operator: Operator,
    shape: ConvolutionShape,
    activation: Activation,
    sums: PixelSums,
    unscaled: Unscaled,
): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0)
    val bias = operator.constantFloatBias(2, shape.outs)
    val imageSize = operator.input(0).elements / shape.batch
    return Prepared { memory ->
        val source = memory.floats(operator.input(0))
        val target = memory.floats(operator.output)
        val input = HybridInput(imageSize, asymmetric = true)
        val pixel = IntArray(shape.outs)
        Kernel {
            for (image in 0 until shape.batch) {
                input.read(source, image * imageSize, imageSize)
                for (y in 0 until shape.rows.output) {
                    for (x in 0 until shape.columns.output) {
                        restart(pixel)
                        sums.add(pixel, input.values, 0, y, x, input.zeroPoint)
                        val at = shape.outputAt(image, y, x)
                        for (o in pixel.indices) {
                            val value = unscaled.of(pixel[o], o, input.scale) + bias[o]
                            target[at + o] = minOf(activation.floatMost, maxOf(activation.floatLeast, value))
                        }
                    }
                }
            }
        }
    }
}
