package signport.runtime.kernels

import signport.runtime.SignportException
import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val AXIS = 0
private const val BATCH_DIMENSIONS = 1

/** GATHER: input (batches…, outer…, axis, inner…), indices (batches…, places…) → (batches, outer, places, inner). */
private class GatherShape(operator: Operator) {
    private val input = operator.input(0).shape
    private val indices = operator.input(1).shape
    private val axis = operator.axis(operator.int(AXIS), input.size)
    private val batchRank = operator.int(BATCH_DIMENSIONS).let { if (it < 0) it + indices.size else it }

    init {
        val fits = batchRank in 0..minOf(axis, indices.size) && (0 until batchRank).all { input[it] == indices[it] }
        if (!fits) {
            val told = "${operator.input(0)} along axis $axis by ${operator.input(1)}"
            operator.refuse("gathers from $told, $batchRank batched")
        }
        val outer = input.take(axis)
        operator.requireOutput(*(outer + indices.drop(batchRank) + input.drop(axis + 1)).toIntArray())
    }

    val batches: Int = elementsOf(input.copyOfRange(0, batchRank))
    val outer: Int = elementsOf(input.copyOfRange(batchRank, axis))
    val size: Int = input[axis]
    val inner: Int = elementsOf(input.copyOfRange(axis + 1, input.size))
    val places: Int = elementsOf(indices.copyOfRange(batchRank, indices.size))

    /** Where run [run] of the output comes from; the index that names it is at [indexAt]. */
    fun start(run: Int, index: Int): Int = (run / places * size + index) * inner

    fun indexAt(run: Int): Int = run / (outer * places) * places + run % places

    val runs: Int get() = batches * outer * places
}

internal fun gather(operator: Operator): Prepared {
    val input = operator.input(0)
    val indices = operator.input(1)
    if (indices.type !in listOf(ElementType.INT32, ElementType.INT64)) operator.refuse("takes indices $indices")
    val shape = GatherShape(operator)
    if (!indices.isConstant) return gatherByComputed(operator, shape)
    val constant = indices.constantInts()
    constant.firstOrNull { it !in 0 until shape.size }?.let { operator.refuse("takes element $it of ${shape.size}") }
    val starts = IntArray(shape.runs) { shape.start(it, constant[shape.indexAt(it)]) }
    val targets = IntArray(shape.runs) { it * shape.inner }
    return moving(operator, listOf(Movement(input, operator.output, shape.inner, starts, targets)), 0)
}

private fun gatherByComputed(operator: Operator, shape: GatherShape): Prepared {
    requireMovable(operator, 0)
    return Prepared { memory ->
        val source = memory.array(operator.input(0))
        val target = memory.array(operator.output)
        val indices = memory.ints(operator.input(1))
        val inner = shape.inner
        Kernel {
            for (run in 0 until shape.runs) {
                val index = indices[shape.indexAt(run)]
                if (index < 0 || index >= shape.size) {
                    throw SignportException("$operator: takes element $index of ${shape.size}")
                }
                System.arraycopy(source, shape.start(run, index), target, run * inner, inner)
            }
        }
    }
}
