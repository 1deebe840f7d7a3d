package signport.parity

import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import signport.runtime.SignportException
import java.io.File

internal class ParityJsonTest {
    private val report = MadeRun.judged { _, sample -> MadeRun.probabilities(MadeRun.logits(sample)) }

    @Test
    fun `the report has every part of a report of Python`() {
        val content = report.content()
        assertEquals(
            listOf(
                "schema",
                "status",
                "broken",
                "skipped",
                "run",
                "name",
                "family",
                "output",
                "classes",
                "created",
                "command",
                "machine",
                "versions",
                "golden",
                "gates",
                "reference",
                "files",
                "task",
                "layers",
                "targets",
            ),
            content.keys.toList(),
        )
        val runtime = content.at("targets", "jvm", "runtimes", "faked")
        assertEquals(
            listOf("status", "reason", "version", "peak_memory_bytes", "device", "emulated", "formats", "task"),
            runtime.keys.toList(),
        )
        assertEquals(
            listOf(
                "status",
                "reason",
                "sha256",
                "figures",
                "accuracy",
                "mcnemar",
                "edge_cases",
                "against_reference",
                "load_ms",
                "delegated",
                "latency_us",
                "gates",
                "fault",
            ),
            runtime.at("formats", "int8").keys.toList(),
        )
        assertEquals("12", "${runtime.at("formats", "int8", "latency_us", "1")["repeats"]}")
    }

    @Test
    fun `infinity is null, as JSON knows none`() {
        assertEquals(
            JsonNull,
            report.content().at("targets", "jvm", "runtimes", "faked", "formats", "int8", "figures")["sqnr_db"],
        )
    }

    @Test
    fun `a report is replaced as a whole, and nothing else is left behind`(@TempDir folder: File) {
        val file = File(folder, "parity.json").apply { writeText("old") }
        report.write(file)
        assertEquals(report.content().keys, parseJson(file.readText(), "parity.json").keys)
        assertEquals(listOf("parity.json"), folder.list()?.toList())
    }

    @Test
    fun `where it cannot be written is said in one line`(@TempDir folder: File) {
        File(folder, "taken").writeText("")
        val error = assertThrows(SignportException::class.java) { report.write(File(folder, "taken/parity.json")) }
        assertEquals(1, error.message.orEmpty().lines().size)
    }

    private fun JsonObject.at(vararg path: String): JsonObject =
        path.fold(this) { found, key -> found.getValue(key) as JsonObject }
}
