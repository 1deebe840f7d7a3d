package signport.parity

import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.doubleOrNull
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File
import java.util.Locale
import kotlin.math.abs

/**
 * Every exported file in signport's own runtime, on every golden sample, held to what LiteRT answered at the export.
 *
 * `-Dsignport.runs` is a folder of runs, each with its export folder; a table of figures is left in the build folder.
 */
internal class GoldenTest {
    private val runs = File(System.getProperty("signport.runs").orEmpty())

    private fun exports(): List<File> {
        assumeTrue(runs.path.isNotEmpty(), "no -Dsignport.runs: `make test` makes exported runs and hands them over")
        val found = runs.listFiles().orEmpty().map { File(it, "export") }.filter { File(it, CARD_FILE).isFile }.sorted()
        assertTrue(found.isNotEmpty(), "$runs holds no */export/$CARD_FILE")
        return found
    }

    @TestFactory
    fun `every file answers every golden sample as LiteRT did`(): List<DynamicTest> =
        exports().map { export -> DynamicTest.dynamicTest(export.parentFile.name) { check(export) } }

    private fun check(export: File) {
        val job = JobReader(ExportFolder(export)).read()
        val answers = JobRunner(job, Measure(repeats = 200, warmUp = 200, seconds = 0.2)).run(SignportEvaluator())
        val result = Judgement(job).judge(answers)
        for ((form, found) in result.files) TABLE += line(export.parentFile.name, form, found)
        assertEquals(
            emptyList<String>(),
            result.files.filter { it.value.answer.status != Status.RAN }.map { "${it.key}: ${it.value.reason}" },
        )
        assertEquals(emptyList<String>(), result.broken("jvm"))
    }

    @TestFactory
    fun `figures over LiteRT's own answers are those that Python wrote into the card`(): List<DynamicTest> =
        exports().flatMap { export ->
            val job = JobReader(ExportFolder(export)).read()
            val metrics = job.card["metrics"] as JsonObject
            // Where the card's test part is larger than the golden vectors, its figures are over other samples.
            if ("${metrics["test_samples"]}" != "${job.real.size}") return@flatMap emptyList()
            job.files.map { file ->
                DynamicTest.dynamicTest("${export.parentFile.name} ${file.form.word}") {
                    val answers = job.real(job.golden.answers.getValue(file.form.word))
                    val found = Agreement.of(job.real(job.golden.output), answers, job.kind, job.weights)
                    val told = metrics[file.form.word] as JsonObject
                    val figures =
                        mapOf(
                            "max_abs" to found.maxAbs,
                            "mean_abs" to found.meanAbs,
                            "rmse" to found.rmse,
                            "sqnr_db" to found.sqnrDb,
                            "cosine" to found.cosine,
                            "kl" to found.kl,
                            "top1" to found.top1,
                            "top1_clear" to found.top1Clear,
                            "top5" to found.top5,
                        )
                    for ((name, value) in figures) {
                        val expected = (told[name] as JsonPrimitive).doubleOrNull
                        if (expected == null) {
                            assertFalse(value.isFinite(), name)
                        } else {
                            assertEquals(expected, value, 1e-9 * maxOf(1.0, abs(expected)), name)
                        }
                    }
                }
            }
        }

    private fun line(run: String, form: Format, found: FileResult): String {
        val status = if (found.passed) found.answer.status.word else "BROKEN"
        val keras = found.agreement?.top1.told()
        val median = found.answer.latency?.let { "%.1f".format(Locale.ROOT, it.medianUs) } ?: "–"
        val columns =
            listOf(run, form.word, status, "${found.agreement?.samples ?: 0}") +
                listOf("max_abs", "steps", "mean_steps", "top1").map { found.againstReference[it].told() }
        return ROW.format(Locale.ROOT, *(columns + listOf(keras, median)).toTypedArray())
    }

    private fun Double?.told(): String = if (this == null || isNaN()) "–" else short(this)

    private companion object {
        const val ROW = "%-17s %-8s %-7s %7s %12s %6s %10s %14s %13s %10s"
        val HEAD =
            arrayOf(
                "run",
                "format",
                "status",
                "samples",
                "max abs",
                "steps",
                "mean steps",
                "top-1, LiteRT",
                "top-1, Keras",
                "median µs",
            )
        val TABLE = arrayListOf(ROW.format(Locale.ROOT, *HEAD))

        @AfterAll
        @JvmStatic
        fun writeTable() {
            if (TABLE.size == 1) return
            val text = TABLE.joinToString("\n", postfix = "\n")
            File(System.getProperty("signport.build.directory") ?: "target", "agreement.txt").writeText(text)
            println(text)
        }
    }
}
