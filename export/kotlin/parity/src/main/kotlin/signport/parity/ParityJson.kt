package signport.parity

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import signport.runtime.SignportException
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import kotlin.math.round

/**
 * The machine that a report was made on.
 *
 * @property platform Its system, in words.
 * @property processor Its processor, in words.
 * @property cores Number of its cores.
 */
public class Machine(
    public val platform: String,
    public val processor: String,
    public val cores: Int = Runtime.getRuntime().availableProcessors(),
)

/**
 * A parity report of one target: the same `parity.json`, of the same schema, that `signport parity` writes.
 *
 * @property target Name of the target: `jvm` or `android`.
 * @property results A result a runtime.
 * @property machine What it was made on.
 * @property command What to type to have it made again.
 * @property seconds How long it took.
 * @property emulated In words, what of the machine is not real; empty if it all is.
 */
public class ParityReport(
    private val job: Job,
    public val target: String,
    public val results: List<RuntimeResult>,
    private val machine: Machine,
    private val command: String,
    private val seconds: Double,
    private val emulated: String = "",
) {
    /** Every broken gate, in words. */
    public val broken: List<String> = results.flatMap { it.broken(target) }

    /** What was skipped, and why. */
    public val skipped: List<String> =
        results
            .filter { it.answers.status == Status.SKIPPED }
            .map { "$target ${it.answers.runtime}: ${it.answers.reason}" }

    /** `passed`, `failed`, or `skipped` where nothing could be run. */
    public val status: String =
        if (broken.isNotEmpty()) {
            "failed"
        } else if (results.any { it.answers.status == Status.RAN }) {
            "passed"
        } else {
            "skipped"
        }

    /**
     * Writes the report, first under another name, so that nobody reads half of it.
     *
     * @throws SignportException It cannot be written.
     */
    public fun write(file: File) {
        val folder = file.absoluteFile.parentFile
        val waiting = File(folder, ".${file.name}.${System.nanoTime()}")
        try {
            folder.mkdirs()
            FileOutputStream(waiting).use { stream ->
                stream.write(text().toByteArray(Charsets.UTF_8))
                stream.fd.sync()
            }
            // Where a rename does not replace: Windows.
            if (!waiting.renameTo(file) && !(file.delete() && waiting.renameTo(file))) {
                throw IOException("it cannot be renamed to this")
            }
        } catch (error: IOException) {
            waiting.delete()
            throw SignportException("$file: cannot be written (${error.message})", error)
        }
    }

    /** The report as JSON text. */
    public fun text(): String = JSON.encodeToString(JsonElement.serializer(), content()) + "\n"

    internal fun content(): JsonObject = json(
        "schema" to SCHEMA,
        "status" to status,
        "broken" to broken,
        "skipped" to skipped,
        "run" to job.source.name,
        "name" to job.card["name"],
        "family" to job.family,
        "output" to job.kind.word,
        "classes" to job.classes,
        "created" to
            SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss+00:00", Locale.ROOT)
                .apply { timeZone = TimeZone.getTimeZone("UTC") }
                .format(Date()),
        "command" to command,
        "machine" to
            json(
                "platform" to machine.platform,
                "processor" to machine.processor,
                "cores" to machine.cores,
                "python" to null,
            ),
        "versions" to (job.card["versions"] ?: json()),
        "golden" to
            json(
                "samples" to job.real.size,
                "edge_cases" to job.golden.edge.filter { it.isNotEmpty() },
                "stand_for" to round(job.weights.sum()).toLong(),
            ),
        "gates" to JsonObject(job.gates.bounds.mapValues { value(it.value) }),
        "reference" to json("runtime" to "keras", "accuracy" to floatAccuracy()?.let(::accuracy)),
        "files" to
            JsonObject(
                job.files.associate {
                    it.form.word to json("file" to it.name, "sha256" to it.sha256, "bytes" to it.content.size)
                },
            ),
        // Named only where a runtime was asked about it: what nobody ran is no part of the verdict.
        "task" to
            job.task
                ?.takeIf { results.any { it.answers.task != null } }
                ?.let { json("file" to it.name, "sha256" to it.sha256, "bytes" to it.content.size) },
        "layers" to emptyList<String>(),
        "targets" to
            json(
                target to
                    json(
                        "seconds" to round(10 * seconds) / 10,
                        "runtimes" to JsonObject(results.associate { it.answers.runtime to runtime(it) }),
                    ),
            ),
    )

    private fun floatAccuracy(): Accuracy? {
        if (job.kind == OutputKind.EMBEDDING) return null
        val labels = IntArray(job.real.size) { job.golden.labels[job.real[it]] }
        return Accuracy.of(job.real(job.golden.output), labels, job.weights)
    }

    private fun runtime(result: RuntimeResult): JsonObject = json(
        "status" to result.answers.status.word,
        "reason" to result.answers.reason,
        "version" to result.answers.version,
        "peak_memory_bytes" to result.answers.peakMemoryBytes,
        "device" to JsonObject(result.answers.device.mapValues { value(it.value) }),
        "emulated" to emulated,
        "formats" to JsonObject(result.files.entries.associate { (form, file) -> form.word to file(file) }),
        "task" to result.answers.task?.figures,
    )

    private fun file(file: FileResult): JsonObject = json(
        "status" to file.answer.status.word,
        "reason" to file.reason,
        "sha256" to file.answer.sha256.ifEmpty { null },
        "figures" to (file.agreement?.let(::agreement) ?: json()),
        "accuracy" to file.accuracy?.let(::accuracy),
        "mcnemar" to
            file.mcnemar?.let {
                json("float_only" to it.floatOnly, "file_only" to it.fileOnly, "p_value" to it.pValue)
            },
        "edge_cases" to JsonObject(file.edgeCases.mapValues { value(it.value) }),
        "against_reference" to JsonObject(file.againstReference.mapValues { value(it.value) }),
        "load_ms" to file.answer.loadMs,
        "delegated" to file.answer.delegated,
        "latency_us" to
            (
                file.answer.latency?.let {
                    json(
                        "1" to
                            json(
                                "median_us" to it.medianUs,
                                "p5_us" to it.p5Us,
                                "p95_us" to it.p95Us,
                                "repeats" to it.repeats,
                            ),
                    )
                } ?: json()
                ),
        "gates" to gates(file.gates),
        "fault" to null,
    )

    private fun agreement(found: Agreement): JsonObject = json(
        "samples" to found.samples,
        "finite" to found.finite,
        "max_abs" to found.maxAbs,
        "p95_abs" to found.p95Abs,
        "mean_abs" to found.meanAbs,
        "rmse" to found.rmse,
        "sqnr_db" to found.sqnrDb,
        "cosine" to found.cosine,
        "kl" to found.kl,
        "top1" to found.top1,
        "top1_clear" to found.top1Clear,
        "top5" to found.top5,
    )

    private companion object {
        const val SCHEMA = "signport.parity/2"
        val JSON = Json { prettyPrint = true }
    }
}

internal fun accuracy(found: Accuracy): JsonObject =
    json("value" to found.value, "low" to found.low, "high" to found.high, "samples" to found.samples)

internal fun gates(gates: List<Gate>): JsonArray = JsonArray(
    gates.map {
        json(
            "name" to it.name,
            "value" to it.value,
            "bound" to it.bound,
            "kind" to if (it.most) "most" else "least",
            "passed" to it.passed,
        )
    },
)

internal fun json(vararg fields: Pair<String, Any?>): JsonObject =
    JsonObject(fields.associate { (name, found) -> name to value(found) })

/** JSON knows no NaN and no infinity: null stands for both. */
private fun value(found: Any?): JsonElement = when (found) {
    null -> JsonNull
    is JsonElement -> found
    is Boolean -> JsonPrimitive(found)
    is Double -> if (found.isFinite()) JsonPrimitive(found) else JsonNull
    is Number -> JsonPrimitive(found)
    is List<*> -> JsonArray(found.map(::value))
    else -> JsonPrimitive(found.toString())
}
