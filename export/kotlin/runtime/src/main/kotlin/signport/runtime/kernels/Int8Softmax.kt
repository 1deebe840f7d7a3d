package signport.runtime.kernels

import signport.runtime.graph.Operator

/** e^x over the sum of e^x along the last axis; the output's scale is 1/256 and its zero point −128. */
internal fun int8Softmax(operator: Operator): Prepared {
    val input = operator.input(0)
    val output = operator.output
    val to = operator.int8Quantization(output)
    if (input.rank == 0 || input.elements != output.elements) operator.refuse("makes $output of $input")
    if (to.scale != 1f / 256 || to.zeroPoint != INT8_LEAST) {
        operator.refuse("has output scale ${to.scale} and zero point ${to.zeroPoint}, not ${1f / 256} and $INT8_LEAST")
    }
    val exponentials = exponentials(operator)
    val terms = IntArray(exponentials.size) { roundedShift(exponentials[it], ACCUMULATOR_INTEGER_BITS) }
    val size = input.shape.last()
    return Prepared { memory ->
        val source = memory.bytes(input)
        val target = memory.bytes(output)
        Kernel {
            var at = 0
            while (at < source.size) {
                softmax(source, target, at, size, exponentials, terms)
                at += size
            }
        }
    }
}

/** e^−difference, none before the point, for each difference to the largest: one too small to be held is 0. */
private fun exponentials(operator: Operator): IntArray {
    val from = operator.int8Quantization(operator.input(0))
    val beta = operator.float(0)
    val real = beta.toDouble() * from.scale * (1 shl (31 - DIFFERENCE_INTEGER_BITS))
    val multiplier = operator.multiplier(minOf(real, Int.MAX_VALUE.toDouble()))
    if (multiplier.shift < 0) operator.refuse("has beta $beta and scale ${from.scale}, too small")
    val radius = inputRadius(DIFFERENCE_INTEGER_BITS, multiplier.shift)
    return IntArray(INT8_MOST - INT8_LEAST + 1) {
        if (it > radius) 0 else fixedExp(multiplier * -it, DIFFERENCE_INTEGER_BITS)
    }
}

private fun softmax(
    source: ByteArray,
    target: ByteArray,
    start: Int,
    size: Int,
    exponentials: IntArray,
    terms: IntArray,
) {
    val end = start + size
    var most = INT8_LEAST
    for (i in start until end) most = maxOf(most, source[i].toInt())
    var sum = 0
    for (i in start until end) sum += terms[most - source[i]]
    val headroom = Integer.numberOfLeadingZeros(sum)
    val scale = fixedReciprocalOfOnePlus((sum shl headroom) xor Int.MIN_VALUE)
    val shift = ACCUMULATOR_INTEGER_BITS - headroom + 31 - 8
    for (i in start until end) {
        val value = roundedShift(highProduct(scale, exponentials[most - source[i]]), shift) + INT8_LEAST
        target[i] = minOf(INT8_MOST, maxOf(INT8_LEAST, value)).toByte()
    }
}

private const val DIFFERENCE_INTEGER_BITS = 5
private const val ACCUMULATOR_INTEGER_BITS = 12
