package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val BETA = 0

/** SOFTMAX over the last dimension. */
internal fun floatSoftmax(operator: Operator): Prepared {
    operator.requireAll(ElementType.FLOAT32, 0)
    operator.requireSameShape()
    if (operator.output.rank < 1) operator.refuse("takes a single number")
    val beta = operator.float(BETA)
    val depth = operator.output.shape.last()
    val rows = if (depth == 0) 0 else operator.output.elements / depth
    return Prepared { memory ->
        val input = memory.floats(operator.input(0))
        val out = memory.floats(operator.output)
        Kernel {
            for (row in 0 until rows) softmaxRow(input, out, row * depth, depth, beta)
        }
    }
}

private fun softmaxRow(input: FloatArray, out: FloatArray, from: Int, depth: Int, beta: Float) {
    var largest = -Float.MAX_VALUE
    for (at in from until from + depth) if (largest < input[at]) largest = input[at]
    var sum = 0f
    for (at in from until from + depth) {
        val power = exponential((input[at] - largest) * beta)
        out[at] = power
        sum += power
    }
    for (at in from until from + depth) out[at] /= sum
}
