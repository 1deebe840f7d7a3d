package signport.parity

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException

internal class JobTest {
    private val files = MadeRun.files()

    private fun refused(changed: Map<String, ByteArray?>): String {
        val found = (files + changed).filterValues { it != null }.mapValues { it.value ?: ByteArray(0) }
        return assertThrows(SignportException::class.java) { MadeRun.job(found) }.message.orEmpty()
    }

    private fun card(from: String, to: String): Map<String, ByteArray> {
        val text = String(files.getValue("card.json"))
        assertTrue(from in text)
        return mapOf("card.json" to text.replace(from, to).toByteArray())
    }

    @Test
    fun `a whole export is read`() {
        val job = MadeRun.job()
        assertEquals(listOf(Format.FLOAT32, Format.INT8), job.files.map { it.form })
        assertEquals(MadeRun.STEP.toDouble(), job.files[1].tflite.outputStep)
        assertEquals(2, job.files[1].tflite.operators)
        assertEquals(listOf(1, 2), job.golden.inputs.getValue("landmarks").shape)
        assertEquals(1e-5, job.gates.bound("runtime_float32_max_abs"))
    }

    @Test
    fun `what is missing is named, with what to do`() {
        assertEquals("made/card.json: no such file; run `signport export` again", refused(mapOf("card.json" to null)))
        assertTrue("golden.npz: no such file" in refused(mapOf("golden.npz" to null)))
        assertTrue("model_int8.tflite: no such file" in refused(mapOf("model_int8.tflite" to null)))
        assertTrue("parity_gates: missing" in refused(card("parity_gates", "other")))
    }

    @Test
    fun `a file that its card does not describe is stale`() {
        assertTrue("stale or changed" in refused(mapOf("model_int8.tflite" to files.getValue("model_int8.tflite") + 0)))
    }

    @Test
    fun `permuted labels are found`() {
        assertTrue("labels are permuted" in refused(card("\"A\",\"B\"", "\"B\",\"A\"")))
        assertTrue("its labels are not those" in refused(mapOf("labels.txt" to "A\nC\nB\nNone\n".toByteArray())))
    }

    @Test
    fun `unknown formats, other inputs and no JSON are refused`() {
        assertTrue("format 'int2' is unknown" in refused(card("\"int8\":", "\"int2\":")))
        assertTrue("lists points" in refused(card("\"landmarks\"", "\"points\"")))
        assertTrue("not readable as JSON" in refused(mapOf("card.json" to "{".toByteArray())))
        assertTrue("no number" in refused(card("\"runtime_int8_steps\":1.0", "\"runtime_int8_steps\":\"one\"")))
    }

    @Test
    fun `a card cannot lead out of its folder`() {
        assertTrue("made/passwd: no such file" in refused(card("model_int8.tflite", "../../etc/passwd")))
    }
}
