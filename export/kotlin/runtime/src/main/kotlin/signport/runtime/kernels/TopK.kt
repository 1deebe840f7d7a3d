package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

/**
 * TOPK_V2: input (…, depth), k (constant) → values (…, k) and their places (…, k), the largest first; of equal ones,
 * the one that comes first.
 */
internal fun topK(operator: Operator): Prepared {
    operator.requireInputs(ElementType.FLOAT32, 0)
    val input = operator.input(0)
    val k = operator.constantInts(1).singleOrNull() ?: operator.refuse("has k of ${operator.input(1)}")
    if (operator.outputs.size != 2) operator.refuse("has ${operator.outputs.size} outputs")
    val (values, places) = operator.outputs
    val depth = input.shape.lastOrNull() ?: operator.refuse("takes a single number")
    if (k < 0 || k > depth) operator.refuse("takes $k of $depth")
    val shape = input.shape.copyOf().also { it[it.size - 1] = k }
    val fits = values.shape.contentEquals(shape) && places.shape.contentEquals(shape)
    if (!fits || values.type != ElementType.FLOAT32 || places.type != ElementType.INT32) {
        operator.refuse("gives $values and $places")
    }
    val rows = if (depth == 0) 0 else input.elements / depth
    return Prepared { memory ->
        val from = memory.floats(input)
        val toValues = memory.floats(values)
        val toPlaces = memory.ints(places)
        Kernel {
            for (row in 0 until rows) largest(from, row * depth, depth, toValues, toPlaces, row * k, k)
        }
    }
}

/** Keeps the best so far in order, each new one behind those that are not smaller. */
private fun largest(from: FloatArray, start: Int, depth: Int, values: FloatArray, places: IntArray, to: Int, k: Int) {
    if (k == 0) return
    var held = 0
    for (place in 0 until depth) {
        val value = from[start + place]
        if (held == k && !(value > values[to + k - 1])) continue
        var at = if (held == k) k - 1 else held++
        while (at > 0 && value > values[to + at - 1]) {
            values[to + at] = values[to + at - 1]
            places[to + at] = places[to + at - 1]
            at--
        }
        values[to + at] = value
        places[to + at] = place
    }
}
