package signport.runtime.kernels

import signport.runtime.graph.Operator

/** a + b. */
internal fun int8Add(operator: Operator): Prepared = sum(operator, 1)

/** a − b. */
internal fun int8Sub(operator: Operator): Prepared = sum(operator, -1)

/** a · b. */
internal fun int8Mul(operator: Operator): Prepared {
    val first = operator.int8Quantization(operator.input(0))
    val second = operator.int8Quantization(operator.input(1))
    val to = operator.int8Quantization(operator.output)
    // In float, as the reference has it.
    val multiplier = operator.multiplier((first.scale * second.scale / to.scale).toDouble())
    val range = Int8Range.of(operator.activation(0), to)
    return pairwise(operator) { a, b ->
        val value = multiplier * ((a - first.zeroPoint) * (b - second.zeroPoint)) + to.zeroPoint
        minOf(range.most, maxOf(range.least, value))
    }
}

/** The larger of each pair. */
internal fun int8Maximum(operator: Operator): Prepared {
    requireOneScale(operator)
    return pairwise(operator) { a, b -> maxOf(a, b) }
}

/** The smaller of each pair. */
internal fun int8Minimum(operator: Operator): Prepared {
    requireOneScale(operator)
    return pairwise(operator) { a, b -> minOf(a, b) }
}

private fun requireOneScale(operator: Operator) {
    operator.requireSameQuantization(operator.input(0), operator.output)
    operator.requireSameQuantization(operator.input(1), operator.output)
}

/** Both to a scale of 2^−20 of twice the larger one, so that nothing is lost before the sum is rounded. */
private fun sum(operator: Operator, sign: Int): Prepared {
    val first = operator.int8Quantization(operator.input(0))
    val second = operator.int8Quantization(operator.input(1))
    val to = operator.int8Quantization(operator.output)
    val twice = 2.0 * maxOf(first.scale, second.scale)
    val output = twice / ((1 shl SUM_BITS) * to.scale)
    if (output >= 1) operator.refuse("has an output scale of ${to.scale}, too small for its inputs")
    val toOutput = operator.multiplier(output)
    val firstTerms = terms(first.zeroPoint, operator.multiplier(first.scale / twice))
    val secondTerms = terms(second.zeroPoint, operator.multiplier(second.scale / twice))
    for (i in secondTerms.indices) secondTerms[i] *= sign
    val range = Int8Range.of(operator.activation(0), to)
    return pairwise(operator) { a, b ->
        val value = toOutput * (firstTerms[a - INT8_LEAST] + secondTerms[b - INT8_LEAST]) + to.zeroPoint
        minOf(range.most, maxOf(range.least, value))
    }
}

private fun terms(zeroPoint: Int, multiplier: Multiplier): IntArray =
    IntArray(INT8_MOST - INT8_LEAST + 1) { multiplier * ((it + INT8_LEAST - zeroPoint) * (1 shl SUM_BITS)) }

// Inlined, so that each kind of operator has a loop of its own for the JIT to compile.
private inline fun pairwise(operator: Operator, crossinline pair: (a: Int, b: Int) -> Int): Prepared {
    val plan = Broadcast.of(operator, 0, 1)
    return Prepared { memory ->
        val first = memory.bytes(operator.input(0))
        val second = memory.bytes(operator.input(1))
        val target = memory.bytes(operator.output)
        val firstStep = plan.steps[0]
        val secondStep = plan.steps[1]
        Kernel {
            var at = 0
            for (block in 0 until plan.blocks) {
                var a = plan.starts[0][block]
                var b = plan.starts[1][block]
                val end = at + plan.run
                while (at < end) {
                    target[at++] = pair(first[a].toInt(), second[b].toInt()).toByte()
                    a += firstStep
                    b += secondStep
                }
            }
        }
    }
}

private const val SUM_BITS = 20
