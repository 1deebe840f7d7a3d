package signport.runtime.kernels

import signport.runtime.SignportException
import signport.runtime.graph.Activation
import signport.runtime.graph.Operator
import kotlin.math.floor
import kotlin.math.sqrt

/**
 * An operator whose answer to each int8 is looked up.
 *
 * @param answer To a stored number; what it gives is held within int8.
 */
internal fun int8Table(operator: Operator, answer: (Int) -> Int): Prepared {
    val input = operator.input(0)
    val output = operator.output
    if (input.elements != output.elements) operator.refuse("makes $output of $input")
    val table = ByteArray(INT8_MOST - INT8_LEAST + 1) {
        minOf(INT8_MOST, maxOf(INT8_LEAST, answer(it + INT8_LEAST))).toByte()
    }
    return Prepared { memory ->
        val source = memory.bytes(input)
        val target = memory.bytes(output)
        Kernel {
            for (i in target.indices) target[i] = table[source[i] - INT8_LEAST]
        }
    }
}

/** `1 / (1 + e^−x)`: the output's scale is 1/256 and its zero point −128, as the specification has it. */
internal fun int8Logistic(operator: Operator): Prepared =
    fixedCurve(operator, outputScale = 1f / 256, outputZeroPoint = INT8_LEAST) {
        roundedShift(fixedLogistic(it), 31 - 8) + INT8_LEAST
    }

/** Hyperbolic tangent: the output's scale is 1/128 and its zero point 0, as the specification has it. */
internal fun int8Tanh(operator: Operator): Prepared =
    fixedCurve(operator, outputScale = 1f / 128, outputZeroPoint = 0) { roundedShift(fixedTanh(it), 31 - 7) }

/** A curve of fixed-point numbers with 4 bits before the point, flat beyond them. */
private fun fixedCurve(operator: Operator, outputScale: Float, outputZeroPoint: Int, curve: (Int) -> Int): Prepared {
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    if (to.scale != outputScale || to.zeroPoint != outputZeroPoint) {
        operator.refuse("gives scale ${to.scale} and zero point ${to.zeroPoint}, not $outputScale and $outputZeroPoint")
    }
    val multiplier = operator.multiplier(from.scale.toDouble() * (1 shl (31 - CURVE_INTEGER_BITS)))
    val radius = inputRadius(CURVE_INTEGER_BITS, multiplier.shift)
    return int8Table(operator) {
        val value = it - from.zeroPoint
        if (value <= -radius) {
            INT8_LEAST
        } else if (value >= radius) {
            INT8_MOST
        } else {
            curve(multiplier * value)
        }
    }
}

/** How many steps from the zero point still fit into fixed-point numbers with [integerBits] before the point. */
internal fun inputRadius(integerBits: Int, shift: Int): Int =
    floor(((1 shl integerBits) - 1).toDouble() * (1L shl (31 - integerBits)) / Math.scalb(1.0, shift)).toInt()

/** `1 / √x`; 0 gives the most that int8 holds. */
internal fun int8Rsqrt(operator: Operator): Prepared {
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    // In float up to the product, as the reference has it.
    val multiplier = operator.multiplier(1.0 / (sqrt(from.scale) * to.scale).toDouble())
    if (multiplier.shift < RSQRT_EXTRA_BITS - 31) operator.refuse("has scales ${from.scale} and ${to.scale}, too large")
    val table = int8Table(operator) {
        val value = it - from.zeroPoint
        if (value <= 0) {
            INT8_MOST
        } else {
            val root = fixedInverseRoot(value)
            val steps = scaled(1, root.factor, root.shift + RSQRT_EXTRA_BITS)
            scaled(steps, multiplier.factor, multiplier.shift - RSQRT_EXTRA_BITS) + to.zeroPoint
        }
    }
    return if (from.zeroPoint == INT8_LEAST) table else refusingNegatives(operator, from.zeroPoint, table)
}

/** LiteRT's kernel fails on a negative number as well, at that call. */
private fun refusingNegatives(operator: Operator, zeroPoint: Int, table: Prepared): Prepared = Prepared { memory ->
    val source = memory.bytes(operator.input(0))
    val kernel = table.bind(memory)
    Kernel {
        for (value in source) {
            if (value < zeroPoint) throw SignportException("$operator: has a negative input, so no square root")
        }
        kernel.run()
    }
}

/** RELU, RELU6 and RELU_N1_TO_1 as operators of their own. */
internal fun int8Relu(operator: Operator, activation: Activation): Prepared {
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    val multiplier = operator.multiplier((from.scale / to.scale).toDouble())
    val range = Int8Range.of(activation, to)
    return int8Table(operator) {
        minOf(range.most, maxOf(range.least, multiplier * (it - from.zeroPoint) + to.zeroPoint))
    }
}

private const val CURVE_INTEGER_BITS = 4
private const val RSQRT_EXTRA_BITS = 20
