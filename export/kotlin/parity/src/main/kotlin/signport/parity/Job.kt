package signport.parity

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.intOrNull
import signport.runtime.SignportException
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.security.MessageDigest

/** A run's export folder, wherever it lies: a folder of a disk, or the assets of an app. */
public interface ExportFiles {
    /** What messages call it. */
    public val name: String

    /** Opens a file, which the caller closes; null where there is none of that name. */
    public fun open(file: String): InputStream?
}

/** An export folder on a disk. */
public class ExportFolder(private val folder: File) : ExportFiles {
    override val name: String
        get() = folder.path

    override fun open(file: String): InputStream? = try {
        File(folder, file).takeIf { it.isFile }?.inputStream()
    } catch (error: IOException) {
        throw SignportException("$folder/$file: cannot be read (${error.message})", error)
    }
}

/** The formats that signport exports, in the order of its reports. */
public enum class Format(
    internal val word: String,
    internal val quantized: Boolean = false,
    internal val whole: Boolean = true,
) {
    FLOAT32("float32"),
    FLOAT16("float16"),
    DYNAMIC("dynamic"),
    INT8("int8", quantized = true),
    INT4("int4", quantized = true, whole = false),
    ;

    internal companion object {
        fun named(word: String): Format? = values().firstOrNull { it.word == word }
    }
}

/**
 * One exported `.tflite`.
 *
 * @property form Its format.
 * @property name Its file name.
 * @property content Its bytes.
 * @property sha256 Their digest, in hexadecimal; the one that `card.json` lists.
 */
public class ModelFile
internal constructor(
    public val form: Format,
    public val name: String,
    public val content: ByteArray,
    public val sha256: String,
    internal val tflite: TfliteFile,
)

/**
 * A `.task` and the images it is asked about.
 *
 * @property name Its file name.
 * @property content Its bytes.
 * @property card Content of `bundle.json`.
 * @property images PNG files; empty where the run has none.
 * @property labels Class name that each image shows, empty where unknown.
 */
public class TaskFile
internal constructor(
    public val name: String,
    public val content: ByteArray,
    public val card: JsonObject,
    public val images: List<ByteArray>,
    public val labels: List<String>,
) {
    internal val sha256: String = digest(content)
}

/**
 * What a target runs: a run's exported files and the golden vectors that every target must answer alike.
 *
 * @property card Content of `card.json`.
 * @property files In the order of the formats.
 * @property golden Golden vectors.
 * @property gates The family's tolerances.
 * @property task The `.task`, if there is one.
 */
public class Job
internal constructor(
    internal val source: ExportFiles,
    public val card: JsonObject,
    public val files: List<ModelFile>,
    public val golden: Golden,
    public val gates: Gates,
    public val task: TaskFile?,
) {
    internal val family: String = card.text("family")
    internal val classes: List<String> = card.texts("classes")

    /** What the model answers. */
    public val kind: OutputKind = OutputKind.named(card.text("output"))

    /** Names of the inputs, in the order of the model's signature. */
    public val inputs: List<String> = (card["inputs"] as JsonArray).map { (it as JsonObject).text("name") }

    /** Rows of the samples that are real ones of the test part, not edge cases. */
    internal val real: IntArray = golden.edge.indices.filter { golden.edge[it].isEmpty() }.toIntArray()

    /** How many samples of the test part each of [real] stands for. */
    internal val weights: DoubleArray =
        sampleWeights(
            real.map { golden.output[it] },
            ((card["metrics"] as? JsonObject)?.get("test_samples") as? JsonPrimitive)?.intOrNull,
        )

    /** What absolute errors are measured in: 1 for probabilities, the largest magnitude for embeddings. */
    internal val scale: Double =
        if (kind == OutputKind.PROBABILITIES) {
            1.0
        } else {
            real.maxOf { row -> golden.output[row].maxOf { kotlin.math.abs(it) } }.toDouble()
        }

    internal fun real(values: Array<FloatArray>): Array<FloatArray> = Array(real.size) { values[real[it]] }
}

internal const val CARD_FILE = "card.json"
internal const val TASK_FILE = "gesture_recognizer.task"
internal const val TASK_CARD_FILE = "bundle.json"
internal const val IMAGES_FILE = "golden_images.npz"

internal fun digest(content: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(content).joinToString("") {
        ((it.toInt() and 0xFF) + 0x100).toString(16).substring(1)
    }

internal fun ExportFiles.content(file: String): ByteArray = open(file)?.use { Archive.content(it, "$name/$file") }
    ?: throw SignportException("$name/$file: no such file; $AGAIN")

internal fun ExportFiles.json(file: String): JsonObject =
    parseJson(String(content(file), Charsets.UTF_8), "$name/$file")

internal fun parseJson(text: String, name: String): JsonObject = try {
    Json.parseToJsonElement(text) as? JsonObject ?: throw SignportException("$name: holds no JSON object; $AGAIN")
} catch (error: IllegalArgumentException) {
    throw SignportException(
        "$name: not readable as JSON (${error.message?.lineSequence()?.first()}); $AGAIN",
        error,
    )
}

internal fun JsonObject.text(key: String): String =
    this[key].text() ?: throw SignportException("$CARD_FILE: $key: missing or no text; $AGAIN")

internal fun JsonObject.texts(key: String): List<String> =
    (this[key] as? JsonArray)?.map { it.text() ?: throw SignportException("$CARD_FILE: $key: $it is no text; $AGAIN") }
        ?: throw SignportException("$CARD_FILE: $key: missing or no list; $AGAIN")

private fun JsonElement?.text(): String? = (this as? JsonPrimitive)?.takeIf { it.isString }?.contentOrNull
