@file:OptIn(SignportInternal::class)

package signport.runtime

import signport.runtime.graph.Graph
import signport.runtime.graph.GraphReader
import signport.runtime.kernels.Kernels
import signport.runtime.kernels.Prepared
import java.io.File
import java.io.InputStream
import java.security.MessageDigest

/**
 * An exported `.tflite`, ready to be evaluated without native code.
 *
 * Safe to be used by several threads at once: [classify] keeps a session for each, or a thread keeps its own with
 * [newSession].
 *
 * @property name What it is called in messages: its file or resource.
 * @property labels Class names in the order of the scores; empty for an embedder, and where the file holds none.
 * @property metadata What the file says of itself.
 * @property sha256 Digest of the whole file, as `card.json` has it, in lower-case hexadecimal.
 */
public class SignportModel internal constructor(
    public val name: String,
    internal val graph: Graph,
    internal val prepared: List<Prepared>,
    public val labels: List<String>,
    public val metadata: ModelMetadata,
    public val sha256: String,
) {
    /** What it takes, in the file's order. */
    public val inputs: List<TensorInfo> = graph.inputs.map { TensorInfo.of(it, "values") }

    /** What it answers, in the file's order; scores or an embedding come first. */
    public val outputs: List<TensorInfo> =
        graph.outputs.map { TensorInfo.of(it, if (labels.isEmpty()) "values" else "classes") }

    /** [labels], or the classes' indices in digits. */
    internal val classNames: List<String> = labels.ifEmpty { List(outputs.firstOrNull()?.elements ?: 0) { "$it" } }

    private val sessions = Pool { Session(this) }

    init {
        if (outputs.isEmpty()) throw SignportException("$name: has no output")
        if (classNames.size != outputs[0].elements) {
            throw SignportException("$name: ${labels.size} labels for ${outputs[0]}; give one a class")
        }
    }

    /** A new session, for a thread that keeps its own. */
    public fun newSession(): Session = Session(this)

    /**
     * Classifies once; any thread may call it.
     *
     * @param inputs An array for each of [SignportModel.inputs], row-major, of [TensorInfo.elements]: landmarks as
     *     MediaPipe gives them, x y z, NaN where a point is missing; a clip that is shorter ends in NaN. They are
     *     copied.
     * @throws SignportException Another number of inputs or elements.
     */
    public fun classify(vararg inputs: FloatArray): Classification {
        requireInputs(inputs.size)
        return sessions.use { session ->
            for (index in inputs.indices) session.fill(index, inputs[index])
            session.classify().copy()
        }
    }

    /**
     * The same model with other class names.
     *
     * @param labels In the order of the scores.
     * @throws SignportException Another number of them than of classes.
     */
    public fun withLabels(labels: List<String>): SignportModel =
        SignportModel(name, graph, prepared, labels.toList(), metadata, sha256)

    /** The model in one line: its name, what it takes and what it answers. */
    override fun toString(): String = "$name: ${inputs.joinToString()} -> ${outputs.joinToString()}"

    internal fun requireInputs(count: Int) {
        if (count != inputs.size) {
            throw SignportException("$name: takes ${inputs.joinToString()}; got $count array(s), give ${inputs.size}")
        }
    }

    internal fun refuseSize(index: Int, size: Int): Nothing =
        throw SignportException("$name: ${inputs[index]} takes ${inputs[index].elements} numbers, got $size")

    public companion object {
        private const val LABELS_FILE = "labels.txt"
        private const val ZIP_MARK = "PK\u0003\u0004"
        private const val HEXADECIMAL = 16

        /**
         * Reads a model from bytes.
         *
         * @param content A whole `.tflite`.
         * @param name What it is called in messages.
         * @throws SignportException It is no `.tflite`, or has an operator that is not evaluated here.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromBytes(content: ByteArray, name: String = "model"): SignportModel {
            if (String(content, 0, minOf(content.size, ZIP_MARK.length), Charsets.ISO_8859_1) == ZIP_MARK) {
                throw SignportException("$name: is a zip archive; read a .task bundle with GestureTask")
            }
            val graph = named(name) { GraphReader.read(content) }
            return SignportModel(
                name,
                graph,
                prepared = named(name) { prepare(graph) },
                labels = named(name) { labelsIn(content) },
                metadata = named(name) { ModelMetadata.of(content) },
                sha256 = sha256(content),
            )
        }

        /**
         * Reads a model from a stream, to its end; the caller closes it. On Android: `fromStream(assets.open(…))`.
         *
         * @throws SignportException As [fromBytes], or the stream ends in an error.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromStream(stream: InputStream, name: String = "model"): SignportModel =
            fromBytes(readAll(stream, name), name)

        /**
         * Reads a model from a file.
         *
         * @throws SignportException As [fromBytes], or there is no such file.
         */
        @JvmStatic
        public fun fromFile(file: File): SignportModel = fromBytes(readAll(file), file.path)

        /**
         * Reads a model from the app's resources: `fromResource("models/mlp/model_int8.tflite")`.
         *
         * @param path From the root of the class path.
         * @param loader Whose resources; the current thread's, else this library's.
         * @throws SignportException As [fromBytes], or there is no such resource.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromResource(path: String, loader: ClassLoader? = null): SignportModel =
            fromBytes(readResource(path, loader), path)

        private inline fun <T> named(name: String, read: () -> T): T = try {
            read()
        } catch (error: SignportException) {
            throw SignportException("$name: ${error.message}", error)
        }

        /** The labels that signport and MediaPipe append to a `.tflite`: a zip archive of `labels.txt`, one a line. */
        private fun labelsIn(content: ByteArray): List<String> {
            val file = ZipArchive.of(content)?.read(LABELS_FILE) ?: return emptyList()
            return String(file, Charsets.UTF_8).trimEnd('\r', '\n').lines()
        }

        private fun sha256(content: ByteArray): String =
            MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { byte ->
                (byte.toInt() and 0xff).toString(HEXADECIMAL).padStart(2, '0')
            }

        private fun prepare(graph: Graph): List<Prepared> {
            val unknown = graph.operators.filter { Kernels.factory(it) == null }
            if (unknown.isNotEmpty()) {
                val told = unknown.groupingBy { "${it.name} of ${it.inputs.firstOrNull()?.type ?: it.output.type}" }
                    .eachCount()
                    .map { (kind, count) -> if (count == 1) kind else "$kind ($count times)" }
                val kinds = told.joinToString()
                throw SignportException("has operators that are not evaluated here: $kinds; use LiteRT for it")
            }
            return graph.operators.map { operator -> checkNotNull(Kernels.factory(operator)).prepare(operator) }
        }
    }
}
