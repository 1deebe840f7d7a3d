package signport.runtime.graph

/**
 * What a `.tflite` computes.
 *
 * @property tensors All, by their number.
 * @property inputs In the file's order.
 * @property outputs In the file's order.
 * @property operators In the order of execution.
 */
internal class Graph(
    val tensors: List<Tensor>,
    val inputs: List<Tensor>,
    val outputs: List<Tensor>,
    val operators: List<Operator>,
) {
    /** Numbers of the tensors that a session fills. */
    val computed: Set<Int> = (inputs + operators.flatMap { it.outputs }).map { it.index }.toSet()

    /** The arrays of constants by number, as [Memory] holds them; null for other tensors. */
    val constants: List<Any?> = run {
        val used = operators.flatMap { it.inputs }.filterNotNull().map { it.index }.toSet()
        tensors.map { if (it.index in used && it.isConstant) arrayOf(it) else null }
    }

    private fun arrayOf(tensor: Tensor): Any = when (tensor.type) {
        ElementType.FLOAT32, ElementType.FLOAT16 -> tensor.constantFloats()
        ElementType.INT32, ElementType.INT64 -> tensor.constantInts()
        else -> tensor.constantBytes()
    }
}
