package signport.runtime

import signport.runtime.graph.Tensor

/**
 * An input or output of a model. All are float32.
 *
 * @property name As the file calls it: `landmarks`, `probabilities`.
 * @property shape Sizes, batch first: `[1, 30, 75, 3]`.
 * @property axes What each size counts, such as `batch, frames, points, coordinates`.
 */
public class TensorInfo internal constructor(
    public val name: String,
    public val shape: List<Int>,
    public val axes: List<String>,
) {
    /** Length of the array that holds it. */
    public val elements: Int = shape.fold(1) { product, size -> product * size }

    /** `landmarks [1, 30 frames, 75 points, 3 coordinates]`. */
    override fun toString(): String = shape.indices.joinToString(prefix = "$name [", postfix = "]") {
        if (axes[it] == BATCH) "${shape[it]}" else "${shape[it]} ${axes[it]}"
    }

    internal companion object {
        private const val BATCH = "batch"
        private const val COORDINATES = 3
        private val LANDMARK_AXES = listOf(BATCH, "frames", "points", "coordinates")

        /** Of a tensor; [last] is what its last axis counts, unless that is the coordinates of landmarks. */
        fun of(tensor: Tensor, last: String): TensorInfo {
            val shape = tensor.shape.asList()
            val axes = if (shape.lastOrNull() == COORDINATES && shape.size in 3..4) {
                listOf(BATCH) + LANDMARK_AXES.takeLast(shape.size - 1)
            } else {
                List(shape.size) {
                    if (it == 0) {
                        BATCH
                    } else if (it == shape.lastIndex) {
                        last
                    } else {
                        "axis $it"
                    }
                }
            }
            return TensorInfo(tensor.name, shape, axes)
        }
    }
}
