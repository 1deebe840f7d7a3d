package signport.parity

import java.io.Closeable
import java.io.File
import java.io.IOException

/** A runtime that answers `.tflite` files: signport's own, LiteRT on the CPU, LiteRT on the GPU … */
public interface Evaluator {
    /** What reports call it. */
    public val runtime: String

    /** Its version; empty where it does not tell. */
    public val version: String

    /** What it runs on, in words by field, where that is not simply this machine. */
    public val device: Map<String, String>
        get() = emptyMap()

    /** Why it is not here, and how to get it; null where it is. */
    public val missing: String?
        get() = null

    /**
     * Loads a file and makes it ready to answer.
     *
     * @param content A whole `.tflite`.
     * @param name What messages call it.
     * @param inputs Name → shape (1, …) of the inputs that it will be fed with, in this order.
     * @throws NotTakenException The runtime is known not to take such a file.
     * @throws RuntimeException It could not be loaded; its message says why.
     */
    public fun load(content: ByteArray, name: String, inputs: Map<String, List<Int>>): LoadedModel
}

/** A file in a runtime; for one thread. */
public interface LoadedModel : Closeable {
    /** Share of the graph's operators that a delegate took, 0 to 1; null where the runtime does not tell. */
    public val delegated: Double?
        get() = null

    /**
     * Sets an input.
     *
     * @param input Its number in the order given to [Evaluator.load].
     * @param values Holds the values of many samples.
     * @param offset Where this sample's begin.
     */
    public fun feed(input: Int, values: FloatArray, offset: Int)

    /** Evaluates the model; every call starts afresh. */
    public fun invoke()

    /** The first output's values after [invoke]; the caller copies what it keeps. */
    public fun output(): FloatArray
}

/** A runtime is known not to take such a file: it is skipped, not failed. */
public class NotTakenException(message: String, cause: Throwable? = null) : RuntimeException(message, cause)

/** The most memory that this process has held at a time, in bytes; null where the system does not tell. */
internal fun peakMemoryBytes(): Long? = try {
    File("/proc/self/status").useLines { lines ->
        lines.firstOrNull { it.startsWith("VmHWM:") }?.filter(Char::isDigit)?.toLongOrNull()?.times(1024)
    }
} catch (ignored: IOException) {
    null
}
