package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** CONV_2D. */
internal fun floatConvolution(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0, 1)
    val shape = ConvolutionShape.ofConvolution(operator)
    val activation = ConvolutionShape.convolutionActivation(operator)
    val biasTensor = operator.floatBias(2, shape.outs)
    if (!operator.input(1).isConstant) operator.refuse("has weights that are computed")
    val weights = WeightColumns.of(operator.input(1), shape.outs, shape.taps * shape.channels)
    return Prepared { memory ->
        val input = memory.floats(operator.input(0))
        val out = memory.floats(operator.output)
        val sums = FloatSums(shape.outs, biasTensor?.let { memory.floats(it) }, activation)
        Kernel {
            for (image in 0 until shape.batch) {
                for (y in 0 until shape.rows.output) convolveRow(shape, image, y, input, weights, out, sums)
            }
        }
    }
}

private fun convolveRow(
    shape: ConvolutionShape,
    image: Int,
    y: Int,
    input: FloatArray,
    weights: Array<FloatArray>,
    out: FloatArray,
    sums: FloatSums,
) {
    val rows = shape.rows
    val columns = shape.columns
    val channels = shape.channels
    for (x in 0 until columns.output) {
        val first = columns.firstTap(x)
        val end = columns.endTap(x)
        sums.clear()
        for (tapY in rows.firstTap(y) until rows.endTap(y)) {
            val line = shape.inputAt(image, rows.start(y) + tapY * rows.dilation, 0)
            val from = line + (columns.start(x) + first * columns.dilation) * channels
            val row = (tapY * columns.filter + first) * channels
            if (columns.dilation == 1) {
                // Neighbouring taps lie side by side in the input and in the weights.
                sums.add(input, from, weights, row, (end - first) * channels)
            } else {
                for (tap in 0 until end - first) {
                    sums.add(input, from + tap * columns.dilation * channels, weights, row + tap * channels, channels)
                }
            }
        }
        sums.finish(out, shape.outputAt(image, y, x))
    }
}
