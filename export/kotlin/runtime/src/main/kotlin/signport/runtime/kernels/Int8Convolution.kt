package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.Operator

/** A 2-D convolution of int8; what lies outside of the input stands for 0. */
internal fun int8Convolution(operator: Operator): Prepared {
    val shape = ConvolutionShape.ofConvolution(operator)
    val activation = ConvolutionShape.convolutionActivation(operator)
    val scales = operator.weightScales(operator.constantWeights(), 0, shape.outs)
    val sums = ConvolutionSums(shape, operator.input(1).constantBytes())
    return convolution(operator, shape, scales, activation, sums)
}

/** A convolution of each channel of int8 by itself; what lies outside of the input stands for 0. */
internal fun int8DepthwiseConvolution(operator: Operator): Prepared {
    val shape = ConvolutionShape.ofDepthwise(operator)
    val activation = ConvolutionShape.depthwiseActivation(operator)
    val scales = operator.weightScales(operator.constantWeights(), 3, shape.outs)
    val sums = DepthwiseSums(shape, operator.input(1).constantBytes())
    return convolution(operator, shape, scales, activation, sums)
}

private fun convolution(
    operator: Operator,
    shape: ConvolutionShape,
    scales: FloatArray,
    activation: Activation,
    sums: PixelSums,
): Prepared {
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    val multipliers = scales.map { operator.multiplier(from.scale.toDouble() * it / to.scale) }
    val sink = Int8Sink(multipliers, to.zeroPoint, Int8Range.of(activation, to))
    val bias = operator.int32Bias(2, shape.outs)
    return Prepared { memory ->
        val source = memory.bytes(operator.input(0))
        val target = memory.bytes(operator.output)
        val pixel = IntArray(shape.outs)
        Kernel {
            for (image in 0 until shape.batch) {
                for (y in 0 until shape.rows.output) {
                    for (x in 0 until shape.columns.output) {
                        restart(pixel, bias)
                        sums.add(pixel, source, image, y, x, from.zeroPoint)
                        sink.store(pixel, target, shape.outputAt(image, y, x))
                    }
                }
            }
        }
    }
}

internal fun Operator.constantWeights() = input(1).also { if (!it.isConstant) refuse("has weights that are computed") }

/** The int32 sums of one pixel of the output, one for each of its channels. */
internal fun interface PixelSums {
    fun add(sums: IntArray, source: ByteArray, image: Int, y: Int, x: Int, zeroPoint: Int)
}

/** Those of a convolution with weights (outs, height, width, channels). */
internal class ConvolutionSums(private val shape: ConvolutionShape, weights: ByteArray) : PixelSums {
    private val matrix = turnedWeights(weights, shape.outs, shape.taps * shape.channels)

    override fun add(sums: IntArray, source: ByteArray, image: Int, y: Int, x: Int, zeroPoint: Int) {
        val rows = shape.rows
        val columns = shape.columns
        val channels = shape.channels
        val first = columns.firstTap(x)
        val end = columns.endTap(x)
        // Taps side by side lie side by side in the input too, and are taken at once.
        val together = if (columns.dilation == 1) end - first else 1
        for (tapY in rows.firstTap(y) until rows.endTap(y)) {
            val line = shape.inputAt(image, rows.start(y) + tapY * rows.dilation, columns.start(x))
            var tap = first
            while (tap < end) {
                val row = (tapY * columns.filter + tap) * channels
                val at = line + tap * columns.dilation * channels
                addProduct(sums, matrix, row, source, at, together * channels, zeroPoint)
                tap += together
            }
        }
    }
}

/** Those of a depthwise convolution with weights (1, height, width, outs). */
internal class DepthwiseSums(private val shape: ConvolutionShape, weights: ByteArray) : PixelSums {
    private val matrix = IntArray(weights.size) { weights[it].toInt() }
    private val copies = shape.outs / shape.channels

    override fun add(sums: IntArray, source: ByteArray, image: Int, y: Int, x: Int, zeroPoint: Int) {
        val rows = shape.rows
        val columns = shape.columns
        for (tapY in rows.firstTap(y) until rows.endTap(y)) {
            val line = shape.inputAt(image, rows.start(y) + tapY * rows.dilation, columns.start(x))
            for (tapX in columns.firstTap(x) until columns.endTap(x)) {
                val at = line + tapX * columns.dilation * shape.channels
                val row = (tapY * columns.filter + tapX) * shape.outs
                addTap(sums, source, at, row, zeroPoint)
            }
        }
    }

    private fun addTap(sums: IntArray, source: ByteArray, at: Int, row: Int, zeroPoint: Int) {
        if (copies == 1) {
            for (channel in sums.indices) sums[channel] += matrix[row + channel] * (source[at + channel] - zeroPoint)
            return
        }
        for (channel in 0 until shape.channels) {
            val value = source[at + channel] - zeroPoint
            for (out in channel * copies until (channel + 1) * copies) sums[out] += matrix[row + out] * value
        }
    }
}
