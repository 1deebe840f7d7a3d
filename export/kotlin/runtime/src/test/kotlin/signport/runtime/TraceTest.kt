package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File
import kotlin.math.abs

/** Every exported file, held to LiteRT's reference kernels. */
internal class TraceTest {
    private val runs = File(System.getProperty("signport.runs").orEmpty())

    private fun traces(): List<File> {
        assumeTrue(runs.path.isNotEmpty(), "no -Dsignport.runs: `make test` makes exported runs and hands them over")
        val found = runs.walk().filter { it.extension == "trace" }.sorted().toList()
        assertTrue(found.isNotEmpty(), "$runs holds no reference/*.trace")
        return found
    }

    private fun forEachTrace(test: (SignportModel, Trace) -> Unit): List<DynamicTest> = traces().map { file ->
        val run = file.parentFile.parentFile
        DynamicTest.dynamicTest("${run.name} ${file.nameWithoutExtension}") {
            val model = SignportModel.fromFile(File(run, "export/model_${file.nameWithoutExtension}.tflite"))
            test(model, Trace(file, model.graph))
        }
    }

    @TestFactory
    fun `each operator alone answers as the reference kernel`(): List<DynamicTest> = forEachTrace { model, trace ->
        val session = model.newSession()
        val wrong = sortedMapOf<String, String>()
        for (sample in 0 until trace.samples) {
            model.graph.operators.forEachIndexed { position, operator ->
                for (input in operator.inputs.filterNotNull()) {
                    if (trace.holds(input)) copy(trace.values(sample, input), session.array(input))
                }
                session.runOperator(position)
                for (output in operator.outputs) {
                    difference(trace.values(sample, output), session.array(output), KERNEL_ERROR)?.let {
                        wrong.getOrPut("${operator.name} ${output.type}") {
                            "$operator, sample $sample, $output: $it"
                        }
                    }
                }
            }
        }
        assertEquals("", wrong.values.joinToString("\n"))
    }

    @TestFactory
    fun `a whole run answers as the reference kernels`(): List<DynamicTest> = forEachTrace { model, trace ->
        val session = model.newSession()
        for (sample in 0 until trace.samples) {
            for (input in model.graph.inputs) copy(trace.values(sample, input), session.array(input))
            session.run()
            for (operator in model.graph.operators) {
                for (output in operator.outputs) {
                    val told = difference(trace.values(sample, output), session.array(output), WHOLE_ERROR)
                    assertEquals(null, told, "$operator, sample $sample, $output")
                }
            }
        }
    }

    private fun copy(from: Any, to: Any) = System.arraycopy(from, 0, to, 0, java.lang.reflect.Array.getLength(from))

    /** What differs, in words, or null: whole numbers have to be equal, floats to [most] of their size (or of 1). */
    private fun difference(expected: Any, found: Any, most: Float): String? = when (expected) {
        is FloatArray -> expected.indices.firstOrNull { !close(expected[it], (found as FloatArray)[it], most) }
            ?.let { "[$it] is ${(found as FloatArray)[it]}, expected ${expected[it]}" }

        is IntArray -> expected.indices.firstOrNull { expected[it] != (found as IntArray)[it] }
            ?.let { "[$it] is ${(found as IntArray)[it]}, expected ${expected[it]}" }

        is ByteArray -> expected.indices.firstOrNull { expected[it] != (found as ByteArray)[it] }
            ?.let { at ->
                val count = expected.indices.count { expected[it] != (found as ByteArray)[it] }
                "[$at] is ${(found as ByteArray)[at]}, expected ${expected[at]} ($count of ${expected.size} differ)"
            }

        else -> error("no array: $expected")
    }

    private fun close(expected: Float, found: Float, most: Float): Boolean =
        expected == found || (expected.isNaN() && found.isNaN()) ||
            abs(expected - found) <= most * maxOf(1f, abs(expected))

    private companion object {
        const val KERNEL_ERROR = 2e-6f
        const val WHOLE_ERROR = 1e-5f
    }
}
