package signport.parity

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import signport.runtime.SignportException
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.PrintStream

internal class CommandsTest {
    @TempDir lateinit var folder: File

    private fun run(vararg arguments: String): Pair<Int, String> {
        val told = ByteArrayOutputStream()
        val stream = PrintStream(told, true, "UTF-8")
        return Main.run(arguments.toList(), stream, stream) to told.toString("UTF-8").trim()
    }

    private fun job(content: ByteArray) = File(folder, "job.bin").apply { writeBytes(content) }

    private fun made(samples: Int = 2, rank: Int = 2, size: Int = 3, values: Int = 6, magic: String = "SPJ1") =
        MadeFiles.bytes(64 + 4 * values) {
            put(magic.toByteArray())
            putInt(samples).putInt(1).putInt(4).put("hand".toByteArray()).putInt(rank)
            putInt(1)
            repeat(rank - 1) { putInt(size) }
            repeat(values) { putFloat(it + 0.5f) }
            limit(position())
        }
            .let { it.copyOf(4 + 4 + 4 + 4 + 4 + 4 + 4 * rank + 4 * values) }

    @Test
    fun `a job is read as the C runner reads it`() {
        val found = JobFile.read(job(made()))
        assertEquals(2, found.samples)
        assertEquals(listOf(1, 3), found.inputs.getValue("hand").shape)
        assertEquals(listOf(0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f), found.inputs.getValue("hand").values.toList())
    }

    @Test
    fun `a damaged job is refused`() {
        fun refused(content: ByteArray) =
            assertThrows(SignportException::class.java) { JobFile.read(job(content)) }.message.orEmpty()
        assertTrue("not a job" in refused(made(magic = "SPJ2")))
        assertTrue("longer than it says" in refused(made() + 0))
        for (length in made().indices) assertTrue("ends too early" in refused(made().copyOf(length)), "$length")
        assertTrue("expected 1 to 16777216" in refused(made(samples = -1)))
        assertTrue("a rank is 9" in refused(made(rank = 9)))
        assertTrue("is too large" in refused(made(rank = 8, size = 1 shl 24)))
    }

    @Test
    fun `what is wrong with a run is one line of the runner's`() {
        assertEquals(1 to "runner: usage: run MODEL JOB OUTPUT WARM_UP REPEATS SECONDS", run("run"))
        val (status, told) = run("run", "m.tflite", job(made()).path, "out", "5", "many", "1")
        assertEquals(1 to "runner: REPEATS is many, expected 0 to 1000000", status to told)
        assertEquals(1, run("run", File(folder, "none.tflite").path, job(made()).path, "out", "0", "0", "0").first)
        val text = File(folder, "text.tflite").apply { writeText("text") }
        val (refused, why) = run("run", text.path, job(made()).path, "out", "0", "0", "0")
        assertEquals(3, refused)
        assertTrue(why.startsWith("runner: ") && "not a .tflite" in why, why)
    }

    @Test
    fun `bad input of a check is one line and status 2`() {
        for (
        arguments in
        listOf(
            listOf(),
            listOf("check"),
            listOf("check", "--nope", "x"),
            listOf("check", File(folder, "none").path),
            listOf("bench"),
        )
        ) {
            val (status, told) = run(*arguments.toTypedArray())
            assertEquals(2, status, told)
            assertEquals(1, told.lines().size, told)
            assertTrue(told.startsWith("signport-parity: "), told)
        }
    }

    @Test
    fun `files that the runtime does not take are told, written and not passed`() {
        val export = File(folder, "export").apply { mkdir() }
        MadeRun.write(export)
        val report = File(folder, "out/parity.json")
        val (status, told) = run("check", folder.path, "--out", report.path)
        assertEquals(1, status, told)
        assertTrue("it takes none of these files" in told, told)
        assertEquals("\"skipped\"", "${parseJson(report.readText(), "report")["status"]}")
    }
}
