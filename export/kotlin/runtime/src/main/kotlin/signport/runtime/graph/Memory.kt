package signport.runtime.graph

/**
 * The arrays of one session: one for each tensor that is computed. Constants are shared by all sessions.
 *
 * FLOAT32 lies in a `FloatArray`, INT32 and INT64 in an `IntArray`, INT8, UINT8 and BOOL (0 or 1) in a `ByteArray`;
 * all row-major.
 */
internal class Memory(graph: Graph) {
    private val arrays: Array<Any?> = Array(graph.tensors.size) { index ->
        graph.constants[index] ?: if (index in graph.computed) newArray(graph.tensors[index]) else null
    }

    fun floats(tensor: Tensor): FloatArray = arrays[tensor.index] as FloatArray

    fun ints(tensor: Tensor): IntArray = arrays[tensor.index] as IntArray

    fun bytes(tensor: Tensor): ByteArray = arrays[tensor.index] as ByteArray

    /** The array of a tensor of any type, for `System.arraycopy`. */
    fun array(tensor: Tensor): Any = checkNotNull(arrays[tensor.index]) { "$tensor has no place" }

    private fun newArray(tensor: Tensor): Any = when (tensor.type) {
        ElementType.FLOAT32 -> FloatArray(tensor.elements)
        ElementType.INT32, ElementType.INT64 -> IntArray(tensor.elements)
        else -> ByteArray(tensor.elements)
    }
}
