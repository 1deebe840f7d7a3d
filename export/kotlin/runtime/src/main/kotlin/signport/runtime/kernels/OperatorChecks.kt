package signport.runtime.kernels

import signport.runtime.graph.Activation
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/** Refuses an operator whose inputs of the given numbers, or whose outputs, are not all of [type]. */
internal fun Operator.requireAll(type: ElementType, vararg inputs: Int) {
    requireInputs(type, *inputs)
    outputs.firstOrNull { it.type != type }?.let { refuse("gives $it, not $type") }
}

/** Refuses an operator whose inputs of the given numbers are not all of [type]. */
internal fun Operator.requireInputs(type: ElementType, vararg inputs: Int) {
    for (number in inputs) {
        if (input(number).type != type) refuse("takes ${input(number)} as input $number, not $type")
    }
}

/** Refuses an operator whose output has not the shape of its first input. */
internal fun Operator.requireSameShape() {
    if (!input(0).shape.contentEquals(output.shape)) refuse("makes $output of ${input(0)}")
}

/** Refuses an operator whose output has not this shape. */
internal fun Operator.requireOutput(vararg shape: Int) {
    if (!output.shape.contentEquals(shape)) refuse("makes $output where ${shape.contentToString()} is expected")
}

/** What TFLite's float kernels limit results to: without an activation too, infinity becomes the largest number. */
internal val Activation.floatLeast: Float get() = maxOf(least, -Float.MAX_VALUE)
internal val Activation.floatMost: Float get() = minOf(most, Float.MAX_VALUE)
