package signport.android.parity

import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite
import signport.parity.Evaluator
import signport.parity.LoadedModel
import signport.runtime.SignportException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/**
 * LiteRT's interpreter on one thread.
 *
 * @property runtime What reports call it.
 * @param accelerator What answers, in words.
 * @property missing Why that is not here.
 * @param delegate Makes the delegate; null for the CPU alone.
 */
internal class LiteRtEvaluator(
    override val runtime: String,
    private val accelerator: String,
    override val missing: String? = null,
    private val delegate: () -> Delegate? = { null },
) : Evaluator {
    override val version: String
        get() = TensorFlowLite.runtimeVersion()

    override val device: Map<String, String>
        get() = Phone.device + ("accelerator" to accelerator)

    override fun load(content: ByteArray, name: String, inputs: Map<String, List<Int>>): LoadedModel {
        val made = delegate()
        val options = Interpreter.Options().setNumThreads(1)
        made?.let(options::addDelegate)
        try {
            return LiteRtModel(Interpreter(direct(content.size).put(content), options), made, name, inputs)
        } catch (error: RuntimeException) {
            made?.close()
            throw error
        }
    }
}

private fun direct(bytes: Int): ByteBuffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

/** A file in LiteRT. Its times include Java's copying of inputs and outputs, which an app's calls do too. */
private class LiteRtModel(
    private val interpreter: Interpreter,
    private val delegate: Delegate?,
    name: String,
    inputs: Map<String, List<Int>>,
) : LoadedModel {
    private val buffers: Array<ByteBuffer>
    private val fed: List<FloatBuffer>
    private val answer = direct(interpreter.getOutputTensor(0).numBytes())
    private val outputs: Map<Int, Any> = mapOf(0 to answer)
    private val values = FloatArray(answer.capacity() / Float.SIZE_BYTES)

    init {
        val found = List(interpreter.inputTensorCount) { interpreter.getInputTensor(it) }
        buffers = Array(found.size) { direct(found[it].numBytes()) }
        if (found.map { it.name() }.sorted() != inputs.keys.sorted()) {
            throw SignportException(
                "$name: its inputs are ${found.joinToString { it.name() }}, expected ${inputs.keys.joinToString()}",
            )
        }
        fed = inputs.map { (input, shape) ->
            val at = found.indexOfFirst { it.name() == input }
            if (found[at].shape().toList() != shape) {
                throw SignportException("$name: input $input has shape ${found[at].shape().toList()}, expected $shape")
            }
            buffers[at].asFloatBuffer()
        }
    }

    override fun feed(input: Int, values: FloatArray, offset: Int) {
        // A fused LSTM keeps its state between calls; every sample starts afresh.
        if (input == 0) interpreter.resetVariableTensors()
        fed[input].clear()
        fed[input].put(values, offset, fed[input].capacity())
    }

    override fun invoke() {
        for (buffer in buffers) buffer.rewind()
        answer.rewind()
        interpreter.runForMultipleInputsOutputs(buffers, outputs)
    }

    override fun output(): FloatArray {
        answer.rewind()
        answer.asFloatBuffer().get(values)
        return values
    }

    override fun close() {
        interpreter.close()
        delegate?.close()
    }
}
