package signport.runtime.kernels

import signport.runtime.graph.Operator

/** The mean of int8 over axes. */
internal fun int8Mean(operator: Operator): Prepared {
    if (operator.constantInts(1).isEmpty()) operator.refuse("is a mean over no axis")
    val plan = Reduction.of(operator)
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    val multiplier = overCount(operator.multiplier(from.scale.toDouble() / to.scale.toDouble()), plan.count)
    return Prepared { memory ->
        val source = memory.bytes(operator.input(0))
        val target = memory.bytes(operator.output)
        val sums = IntArray(plan.outputs)
        Kernel {
            restart(sums)
            addRuns(source, plan, sums)
            for (i in sums.indices) {
                val value = multiplier * (sums[i] - plan.count * from.zeroPoint) + to.zeroPoint
                target[i] = minOf(INT8_MOST, maxOf(INT8_LEAST, value)).toByte()
            }
        }
    }
}

/** The largest of int8 over axes. */
internal fun int8ReduceMax(operator: Operator): Prepared {
    operator.requireSameQuantization(operator.input(0), operator.output)
    return reduced(operator, INT8_LEAST.toByte()) { so, far -> maxOf(so, far) }
}

/** The smallest of int8 over axes. */
internal fun int8ReduceMin(operator: Operator): Prepared {
    operator.requireSameQuantization(operator.input(0), operator.output)
    return reduced(operator, INT8_MOST.toByte()) { so, far -> minOf(so, far) }
}

/** [multiplier] over a count, cut off as the reference does: with as many bits as the count has beyond the first. */
private fun overCount(multiplier: Multiplier, count: Int): Multiplier {
    if (count == 0) return multiplier
    val bits = minOf(31 - Integer.numberOfLeadingZeros(count), 31 + multiplier.shift)
    return Multiplier(((multiplier.factor.toLong() shl bits) / count).toInt(), multiplier.shift - bits)
}

private fun addRuns(source: ByteArray, plan: Reduction, sums: IntArray) {
    var at = 0
    for (start in plan.starts) {
        if (plan.reducesRun) {
            var sum = 0
            for (i in at until at + plan.run) sum += source[i]
            sums[start] += sum
        } else {
            for (i in 0 until plan.run) sums[start + i] += source[at + i].toInt()
        }
        at += plan.run
    }
}

// Inlined, so that each kind of operator has a loop of its own for the JIT to compile.
private inline fun reduced(operator: Operator, first: Byte, crossinline choose: (Byte, Byte) -> Byte): Prepared {
    val plan = Reduction.of(operator)
    val step = if (plan.reducesRun) 0 else 1
    return Prepared { memory ->
        val source = memory.bytes(operator.input(0))
        val target = memory.bytes(operator.output)
        Kernel {
            target.fill(first)
            var at = 0
            for (start in plan.starts) {
                var to = start
                for (i in at until at + plan.run) {
                    target[to] = choose(target[to], source[i])
                    to += step
                }
                at += plan.run
            }
        }
    }
}
