@file:OptIn(SignportInternal::class)

package signport.runtime.graph

import signport.runtime.SignportException
import signport.runtime.SignportInternal

/** What may follow in the same operator, in the order of TFLite's `ActivationFunctionType`. */
internal enum class Activation(val least: Float, val most: Float) {
    NONE(Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY),
    RELU(0f, Float.POSITIVE_INFINITY),
    RELU_N1_TO_1(-1f, 1f),
    RELU6(0f, 6f),
}

/**
 * One step of a graph.
 *
 * @property position Its number in the order of execution.
 * @property name TFLite's name of its kind, e.g. `FULLY_CONNECTED`.
 * @property inputs In TFLite's order; null where an optional one is left out.
 * @property options Its table in the file; null where it has none and TFLite's defaults hold.
 */
internal class Operator(
    val position: Int,
    val name: String,
    val inputs: List<Tensor?>,
    val outputs: List<Tensor>,
    private val options: FlatTable?,
) {
    val output: Tensor get() = outputs[0]

    fun input(index: Int): Tensor = inputs.getOrNull(index) ?: refuse("has no input $index")

    /** A constant input as ints: axes, shapes, begins and ends. */
    fun constantInts(index: Int): IntArray {
        val tensor = input(index)
        if (!tensor.isConstant) refuse("input $index ($tensor) is no constant")
        return tensor.constantInts()
    }

    fun int(field: Int, default: Int = 0): Int = options?.int(field, default) ?: default

    fun byte(field: Int, default: Int = 0): Int = options?.byte(field, default) ?: default

    fun float(field: Int, default: Float = 0f): Float = options?.float(field, default) ?: default

    fun boolean(field: Int, default: Boolean = false): Boolean = options?.boolean(field, default) ?: default

    /** The activation that [field] of the options names. */
    fun activation(field: Int): Activation =
        byte(field).let { code -> Activation.values().getOrNull(code) ?: refuse("has an activation of number $code") }

    /** Says that this operator is not one that this library evaluates. */
    fun refuse(why: String): Nothing =
        throw SignportException("operator $position, $name: $why; use LiteRT for this file")

    override fun toString(): String = "operator $position, $name"
}
