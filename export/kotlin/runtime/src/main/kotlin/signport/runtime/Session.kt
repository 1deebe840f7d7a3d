package signport.runtime

import signport.runtime.graph.Memory
import signport.runtime.graph.Tensor
import signport.runtime.kernels.Kernel

/**
 * One evaluation of a model at a time: the arrays between its operators.
 *
 * Belongs to one thread at a time; make one for each thread with [SignportModel.newSession]. [run] and [classify] take
 * no memory.
 */
public class Session internal constructor(private val model: SignportModel) {
    private val memory = Memory(model.graph)
    private val kernels: Array<Kernel> = Array(model.prepared.size) { model.prepared[it].bind(memory) }
    private val inputArrays = arraysOf(model.graph.inputs)
    private val outputArrays = arraysOf(model.graph.outputs)
    private val answer = Classification(model.classNames, outputArrays[0])

    /**
     * The array of an input, to be filled before [run]: row-major, of [TensorInfo.elements]; NaN is a missing point.
     *
     * @throws SignportException The model has no such input.
     */
    public fun input(index: Int = 0): FloatArray = edge(inputArrays, index, "input")

    /**
     * The array of an output, which [run] fills: row-major. The next run overwrites it.
     *
     * @throws SignportException The model has no such output.
     */
    public fun output(index: Int = 0): FloatArray = edge(outputArrays, index, "output")

    /** Evaluates the model on what [input] holds. */
    public fun run() {
        for (kernel in kernels) kernel.run()
    }

    /** Evaluates the model on what [input] holds; the next run overwrites the answer. */
    public fun classify(): Classification {
        run()
        return answer.rank()
    }

    /**
     * Evaluates a model of one input; the next run overwrites the answer.
     *
     * @param landmarks The input, row-major: (points, 3) or (frames, points, 3), as [SignportModel.inputs] says, x y z
     *     as MediaPipe gives them, NaN where a point is missing. It is copied.
     * @throws SignportException Another number of elements, or the model has several inputs.
     */
    public fun classify(landmarks: FloatArray): Classification {
        model.requireInputs(1)
        fill(0, landmarks)
        return classify()
    }

    internal fun fill(index: Int, values: FloatArray) {
        val array = inputArrays[index]
        if (values.size != array.size) model.refuseSize(index, values.size)
        System.arraycopy(values, 0, array, 0, array.size)
    }

    /** For tests: the array of a tensor. */
    internal fun array(tensor: Tensor): Any = memory.array(tensor)

    /** For tests: evaluates one operator on what its inputs hold. */
    internal fun runOperator(position: Int): Unit = kernels[position].run()

    private fun edge(arrays: Array<FloatArray>, index: Int, kind: String): FloatArray = arrays.getOrNull(index)
        ?: throw SignportException("${model.name}: has ${arrays.size} $kind(s), asked for $kind $index")

    private fun arraysOf(tensors: List<Tensor>): Array<FloatArray> = Array(tensors.size) { memory.floats(tensors[it]) }
}
