package signport.runtime.kernels

import signport.runtime.graph.ElementType
import signport.runtime.graph.Operator

private const val ZERO: Byte = 0
private const val ONE: Byte = 1

/** Comparisons of floats, logic on what they give, and choices by it. */
internal val FLOAT_LOGIC_KERNELS: Map<String, KernelFactory> = mapOf(
    "EQUAL" to comparison { a, b -> a == b },
    "NOT_EQUAL" to comparison { a, b -> a != b },
    "GREATER" to comparison { a, b -> a > b },
    "GREATER_EQUAL" to comparison { a, b -> a >= b },
    "LESS" to comparison { a, b -> a < b },
    "LESS_EQUAL" to comparison { a, b -> a <= b },
    "LOGICAL_AND" to logic { a, b -> a and b },
    "LOGICAL_OR" to logic { a, b -> a or b },
    "LOGICAL_NOT" to KernelFactory(::logicalNot),
    "SELECT" to KernelFactory(::select),
    "SELECT_V2" to KernelFactory { operator -> selection(operator, Broadcast.of(operator, 0, 1, 2)) },
)

private inline fun comparison(crossinline holds: (Float, Float) -> Boolean): KernelFactory = KernelFactory { operator ->
    operator.requireInputs(ElementType.FLOAT32, 0, 1)
    operator.requireAll(ElementType.BOOL)
    val pairs = FloatPairs(Broadcast.of(operator, 0, 1))
    Prepared { memory ->
        val a = memory.floats(operator.input(0))
        val b = memory.floats(operator.input(1))
        val result = memory.bytes(operator.output)
        Kernel {
            val out = result
            pairs.forEach(a, b) { at, x, y -> out[at] = if (holds(x, y)) ONE else ZERO }
        }
    }
}

private inline fun logic(crossinline operation: (Int, Int) -> Int): KernelFactory = KernelFactory { operator ->
    operator.requireAll(ElementType.BOOL, 0, 1)
    val meeting = Broadcast.of(operator, 0, 1)
    val ofA = meeting.indices(0)
    val ofB = meeting.indices(1)
    Prepared { memory ->
        val a = memory.bytes(operator.input(0))
        val b = memory.bytes(operator.input(1))
        val out = memory.bytes(operator.output)
        Kernel {
            for (at in out.indices) out[at] = operation(a[ofA[at]].toInt(), b[ofB[at]].toInt()).toByte()
        }
    }
}

private fun logicalNot(operator: Operator): Prepared {
    operator.requireAll(ElementType.BOOL, 0)
    operator.requireSameShape()
    return Prepared { memory ->
        val input = memory.bytes(operator.input(0))
        val out = memory.bytes(operator.output)
        Kernel { for (at in out.indices) out[at] = if (input[at] == ZERO) ONE else ZERO }
    }
}

/** SELECT, which does not broadcast, except that a condition of rank 1 chooses whole rows. */
private fun select(operator: Operator): Prepared {
    val shape = operator.output.shape
    val condition = operator.input(0).shape
    for (number in 1..2) {
        val given = operator.input(number)
        if (!given.shape.contentEquals(shape)) operator.refuse("chooses ${operator.output} from $given")
    }
    val aligned = when {
        condition.contentEquals(shape) -> condition
        condition.size == 1 && condition[0] == shape.firstOrNull() -> condition + IntArray(shape.size - 1) { 1 }
        elementsOf(condition) == 1 -> IntArray(0)
        else -> operator.refuse("chooses ${operator.output} by ${operator.input(0)}")
    }
    return selection(operator, Broadcast.of(shape, listOf(aligned, shape, shape)))
}

private fun selection(operator: Operator, meeting: Broadcast): Prepared {
    operator.requireInputs(ElementType.BOOL, 0)
    operator.requireAll(ElementType.FLOAT32, 1, 2)
    val (ofCondition, ofA, ofB) = List(meeting.steps.size) { meeting.indices(it) }
    return Prepared { memory ->
        val condition = memory.bytes(operator.input(0))
        val a = memory.floats(operator.input(1))
        val b = memory.floats(operator.input(2))
        val out = memory.floats(operator.output)
        Kernel {
            for (at in out.indices) out[at] = if (condition[ofCondition[at]] != ZERO) a[ofA[at]] else b[ofB[at]]
        }
    }
}
