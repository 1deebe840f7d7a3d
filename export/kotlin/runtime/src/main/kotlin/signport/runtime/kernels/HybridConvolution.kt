package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** float32 images, brought to int8 image by image, convolved with int8 filters of a scale each; float32 outputs. */
internal fun hybridConvolution(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0)
    val shape = ConvolutionShape.ofConvolution(operator)
    val weights = operator.constantWeights()
    if (weights.quantization?.scales?.size != shape.outs) {
        operator.refuse("has weights $weights without a scale for each filter")
    }
    val scales = operator.weightScales(weights, 0, shape.outs)
    // LiteRT takes those for one scale of the whole tensor, and then brings images to int8 symmetrically.
    if (scales.all { it == 1f }) operator.refuse("has weights $weights of scales that are all 1")
    val bias = operator.constantFloatBias(2, shape.outs)
    val activation = ConvolutionShape.convolutionActivation(operator)
    val sums = ConvolutionSums(shape, weights.constantBytes())
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
                            val value = pixel[o] * scales[o] * input.scale + bias[o]
                            target[at + o] = minOf(activation.floatMost, maxOf(activation.floatLeast, value))
                        }
                    }
                }
            }
        }
    }
}
