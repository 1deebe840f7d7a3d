package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.Future
import kotlin.random.Random

/** Exported files through the public API. */
internal class ExportedModelTest {
    private fun inputs(model: SignportModel, seed: Int): Array<FloatArray> {
        val random = Random(seed)
        return Array(model.inputs.size) { index -> FloatArray(model.inputs[index].elements) { random.nextFloat() } }
    }

    @TestFactory
    fun `a file tells of itself what its card does`(): List<DynamicTest> = Runs.with("export/card.json") { run ->
        val export = File(run, "export")
        val card = File(export, "card.json").readText()
        val labels = File(export, "labels.txt").readText().trimEnd().lines().filter { it.isNotEmpty() }
        val files = export.listFiles().orEmpty().filter { it.extension == "tflite" }
        assertTrue(files.isNotEmpty())
        for (model in files.map(SignportModel::fromFile)) {
            assertEquals(labels, model.labels)
            assertTrue("\"name\": \"${model.metadata.name}\"" in card, model.metadata.name)
            assertTrue("\"${model.sha256}\"" in card, model.sha256)
            assertTrue(model.inputs.all { "\"name\": \"${it.name}\"" in card } && model.metadata.version.isNotEmpty())
        }
    }

    @TestFactory
    fun `eight threads get the answers that one gets`(): List<DynamicTest> = Runs.models { file ->
        val model = SignportModel.fromFile(file)
        val samples = List(SAMPLES) { inputs(model, it) }
        val wanted = samples.map { model.newSession().scores(it) }
        val threads = Executors.newFixedThreadPool(THREADS)
        try {
            val found: List<Future<List<List<Float>>>> = List(THREADS) { thread ->
                threads.submit(
                    Callable {
                        // Each begins elsewhere, so that they are at different samples at the same time.
                        val told = samples.indices.map { (it + thread) % SAMPLES }
                            .associateWith { model.classify(*samples[it]).scores.toList() }
                        samples.indices.map { told.getValue(it) }
                    },
                )
            }
            for (one in found) assertEquals(wanted, one.get())
        } finally {
            threads.shutdown()
        }
    }

    private fun Session.scores(sample: Array<FloatArray>): List<Float> {
        sample.forEachIndexed { index, values -> values.copyInto(input(index)) }
        run()
        return output().toList()
    }

    @TestFactory
    fun `no call takes memory after warm-up`(): List<DynamicTest> = Runs.models { file ->
        val model = SignportModel.fromFile(file)
        val session = model.newSession()
        val sample = inputs(model, 0)
        sample.forEachIndexed { index, values -> values.copyInto(session.input(index)) }
        // What a call takes does not depend on how often it was made; the large ones would need minutes.
        val (calls, warmUp) = if (model.inputs[0].elements > LARGE) 3 to 2 else 1_000 to 100
        assertEquals(0, allocatedBytes(calls, warmUp) { session.run() }, "run")
        if (model.inputs.size == 1) {
            assertEquals(0, allocatedBytes(calls, warmUp) { session.classify(sample[0]) }, "classify")
        }
        if (model.labels.isNotEmpty() && model.inputs[0].axes.last() == "coordinates") {
            val live = LiveClassifier(model, LiveSettings(threshold = 1f))
            val (points, coordinates) = model.inputs[0].shape.takeLast(2)
            val frame = FloatArray(points * coordinates) { 0.5f }
            assertEquals(0, allocatedBytes(calls, warmUp) { live.push(frame) }, "push")
        }
    }

    private companion object {
        const val THREADS = 8
        const val SAMPLES = 4
        const val LARGE = 1_000
    }
}
