package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator
import signport.runtime.graph.Quantization
import signport.runtime.graph.Tensor

internal const val INT8_LEAST = -128
internal const val INT8_MOST = 127

/** Refuses [tensor] unless it is of [type]. */
internal fun Operator.requireType(tensor: Tensor, type: ElementType) {
    if (tensor.type != type) refuse("has $tensor where $type is taken")
}

/** The one scale and zero point of an int8 tensor. */
internal fun Operator.int8Quantization(tensor: Tensor): Quantization {
    requireType(tensor, ElementType.INT8)
    val found = tensor.quantization ?: refuse("$tensor has no scale")
    if (found.scales.size != 1) refuse("$tensor has ${found.scales.size} scales; only one is taken here")
    if (!(found.scale > 0f) || found.scale == Float.POSITIVE_INFINITY) refuse("$tensor has scale ${found.scale}")
    if (found.zeroPoint !in INT8_LEAST..INT8_MOST) refuse("$tensor has zero point ${found.zeroPoint}")
    return found
}

/**
 * The scales of int8 weights, one for each of [channels] along [axis]; one for the whole tensor is repeated.
 *
 * Their zero points have to be 0, as TFLite's quantization specification has it.
 */
internal fun Operator.weightScales(weights: Tensor, axis: Int, channels: Int): FloatArray {
    requireType(weights, ElementType.INT8)
    val found = weights.quantization ?: refuse("$weights has no scale")
    if (found.zeroPoints.any { it != 0 }) refuse("$weights has a zero point other than 0")
    val odd = found.scales.firstOrNull { !(it > 0f) || it == Float.POSITIVE_INFINITY }
    if (odd != null) refuse("$weights has a scale of $odd")
    if (found.scales.size == 1) return FloatArray(channels) { found.scale }
    if (found.scales.size != channels || found.axis != axis) {
        refuse("$weights has ${found.scales.size} scales along axis ${found.axis}, not $channels along axis $axis")
    }
    return found.scales
}

/** The int32 bias at input [index], or zeros where it is left out. */
internal fun Operator.int32Bias(index: Int, channels: Int): IntArray {
    val tensor = inputs.getOrNull(index) ?: return IntArray(channels)
    requireType(tensor, ElementType.INT32)
    val found = constantInts(index)
    if (found.size != channels) refuse("has a bias of ${found.size} for $channels outputs")
    return found
}

/** The factor that takes stored numbers from one scale to another. */
internal fun Operator.multiplier(real: Double): Multiplier {
    // LiteRT's own kernels overflow beyond.
    if (!(real < MOST_MULTIPLIER)) refuse("takes its numbers times $real, which int32 does not hold")
    return Multiplier.of(real)
}

/** Refuses a tensor pair that has to have one scale and zero point. */
internal fun Operator.requireSameQuantization(a: Tensor, b: Tensor) {
    val first = int8Quantization(a)
    val second = int8Quantization(b)
    if (first.scale != second.scale || first.zeroPoint != second.zeroPoint) refuse("$a and $b have different scales")
}

/**
 * The stored numbers that an activation leaves.
 *
 * @property least Below it, outputs become it.
 * @property most Above it, outputs become it.
 */
internal class Int8Range(val least: Int, val most: Int) {
    internal companion object {
        /** The range of [activation] in a tensor of these [parameters]. */
        fun of(activation: Activation, parameters: Quantization): Int8Range = Int8Range(
            maxOf(INT8_LEAST, stored(activation.least, parameters, INT8_LEAST)),
            minOf(INT8_MOST, stored(activation.most, parameters, INT8_MOST)),
        )

        private fun stored(bound: Float, parameters: Quantization, unbounded: Int): Int =
            if (bound.isInfinite()) unbounded else parameters.zeroPoint + roundHalfAway(bound / parameters.scale)
    }
}

/** float32 → int8. NaN becomes the zero point, as on ARM; what is too large for int8 becomes its end. */
internal fun int8Quantize(operator: Operator): Prepared {
    val input = operator.input(0)
    val output = operator.output
    if (input.elements != output.elements) operator.refuse("makes $output of $input")
    if (input.type == ElementType.INT8) return requantize(operator)
    operator.requireType(input, ElementType.FLOAT32)
    val parameters = operator.int8Quantization(output)
    val scale = parameters.scale
    val zeroPoint = parameters.zeroPoint
    return Prepared { memory ->
        val source = memory.floats(input)
        val target = memory.bytes(output)
        Kernel {
            for (i in target.indices) {
                val steps = minOf(MOST_STEPS, maxOf(-MOST_STEPS, roundHalfAway(source[i] / scale)))
                target[i] = minOf(INT8_MOST, maxOf(INT8_LEAST, steps + zeroPoint)).toByte()
            }
        }
    }
}

/** int8 → float32. */
internal fun int8Dequantize(operator: Operator): Prepared {
    val input = operator.input(0)
    val output = operator.output
    if (input.elements != output.elements) operator.refuse("makes $output of $input")
    operator.requireType(output, ElementType.FLOAT32)
    val parameters = operator.int8Quantization(input)
    val scale = parameters.scale
    val zeroPoint = parameters.zeroPoint
    return Prepared { memory ->
        val source = memory.bytes(input)
        val target = memory.floats(output)
        Kernel {
            for (i in target.indices) target[i] = scale * (source[i] - zeroPoint)
        }
    }
}

private fun requantize(operator: Operator): Prepared {
    val from = operator.int8Quantization(operator.input(0))
    val to = operator.int8Quantization(operator.output)
    val multiplier = operator.multiplier(from.scale.toDouble() / to.scale.toDouble())
    return int8Table(operator) { multiplier * (it - from.zeroPoint) + to.zeroPoint }
}

// Further from the zero point than any int8, and far from the ends of int.
private const val MOST_STEPS = 1024
private const val MOST_MULTIPLIER = (1 shl 30).toDouble()
