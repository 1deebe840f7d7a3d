package signport.parity

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

internal class JudgementTest {
    private fun moved(steps: Double, at: (Int) -> Boolean = { true }) = MadeRun.judged { _, sample ->
        val logits = MadeRun.logits(sample)
        if (at(sample)) logits[1] += steps * MadeRun.STEP
        MadeRun.probabilities(logits)
    }

    private fun broken(report: ParityReport) =
        report.broken.map { it.substringAfter("jvm faked ").substringBefore(":") }.toSet()

    @Test
    fun `the answers of the export pass every gate`() {
        val report = moved(0.0)
        assertEquals(emptyList<String>(), report.broken)
        assertEquals("passed", report.status)
        val gates = report.results[0].files.getValue(Format.INT8).gates.map { it.name }
        assertEquals(
            listOf(
                "int8 SQNR (dB)",
                "int8 agreement",
                "int8 accuracy drop",
                "int8 read from another file",
                "int8 edge cases answered with NaN or infinity",
                "int8 agreement with ai-edge-litert",
                "int8 steps from ai-edge-litert",
                "int8 mean steps from ai-edge-litert",
            ),
            gates,
        )
    }

    @Test
    fun `one step now and then passes in int8, and is too much in float32`() {
        assertEquals(
            setOf(
                "float32 max abs error",
                "float32 edge cases max abs error",
                "float32 max abs difference from ai-edge-litert",
            ),
            broken(moved(1.0) { it % 8 == 0 }),
        )
    }

    @Test
    fun `half a step in every sample is a fault that the mean shows`() {
        val found = broken(moved(0.9))
        assertTrue("int8 mean steps from ai-edge-litert" in found, "$found")
        assertTrue("int8 steps from ai-edge-litert" !in found, "$found")
    }

    @Test
    fun `several steps in one sample break the gate of steps`() {
        val found = broken(moved(5.0) { it == 9 })
        assertTrue("int8 steps from ai-edge-litert" in found, "$found")
    }

    @Test
    fun `another class is no agreement`() {
        val found = broken(MadeRun.judged { _, sample -> MadeRun.probabilities(MadeRun.logits(sample + 1)) })
        assertTrue(
            setOf("int8 agreement", "int8 accuracy drop", "float32 agreement outside ties").all { it in found },
            "$found",
        )
    }

    @Test
    fun `NaN never passes, in a sample or in an edge case`() {
        val edge = MadeRun.judged { _, sample ->
            if (sample == 40) FloatArray(4) { Float.NaN } else MadeRun.probabilities(MadeRun.logits(sample))
        }
        assertEquals(
            setOf("float32 edge cases answered with NaN or infinity", "int8 edge cases answered with NaN or infinity"),
            broken(edge),
        )
        val real = MadeRun.judged { _, sample ->
            if (sample == 3) FloatArray(4) { Float.NaN } else MadeRun.probabilities(MadeRun.logits(sample))
        }
        assertEquals(setOf("float32 finite", "int8 finite"), broken(real))
    }

    @Test
    fun `answers of another shape and a runtime that fails are broken gates`() {
        assertEquals(
            setOf("float32 outputs of the wrong shape", "int8 outputs of the wrong shape"),
            broken(MadeRun.judged { _, _ -> FloatArray(3) }),
        )
        val failed = MadeRun.judged { _, _ -> throw IllegalStateException("no memory\nmore") }
        assertEquals("jvm faked float32 runs: 0 (BREAKS ≥ 1) (no memory)", failed.broken[0])
    }

    @Test
    fun `a runtime that takes none of the files is skipped, not passed`() {
        val report = MadeRun.judged { _, _ -> throw NotTakenException("no such operator") }
        assertEquals("skipped", report.status)
        assertEquals(listOf("jvm faked: it takes none of these files: no such operator"), report.skipped)
    }
}
