package signport.runtime

import signport.runtime.graph.ElementType
import signport.runtime.graph.Graph
import signport.runtime.graph.Operator
import signport.runtime.graph.Tensor
import signport.runtime.kernels.Kernel
import signport.runtime.kernels.Prepared

/** A model without a file: [evaluate] fills the output from the inputs. */
internal fun fakeModel(
    inputs: Map<String, IntArray>,
    classes: Int,
    labels: List<String>,
    evaluate: (inputs: List<FloatArray>, output: FloatArray) -> Unit,
): SignportModel {
    val given = inputs.entries.mapIndexed { index, (name, shape) ->
        Tensor(index, name, ElementType.FLOAT32, shape, null, null)
    }
    val output = Tensor(given.size, "probabilities", ElementType.FLOAT32, intArrayOf(1, classes), null, null)
    val operator = Operator(0, "FAKE", given, listOf(output), null)
    val graph = Graph(given + output, given, listOf(output), listOf(operator))
    val prepared = Prepared { memory ->
        val arrays = given.map { memory.floats(it) }
        val target = memory.floats(output)
        Kernel { evaluate(arrays, target) }
    }
    return SignportModel("fake", graph, listOf(prepared), labels, ModelMetadata("", "", "", "", null), "")
}

/** Takes one hand; the score of each class is the hand's x at that point. */
internal fun handModel(labels: List<String> = listOf("A", "B", "None")): SignportModel =
    fakeModel(mapOf("landmarks" to intArrayOf(1, 21, 3)), 3, labels) { inputs, output ->
        for (index in output.indices) output[index] = inputs[0][COORDINATES * index]
    }

/** One hand whose x at the first points are these scores. */
internal fun hand(vararg scores: Float): FloatArray =
    FloatArray(21 * COORDINATES) { if (it % COORDINATES == 0) scores.getOrElse(it / COORDINATES) { 0f } else 0f }
