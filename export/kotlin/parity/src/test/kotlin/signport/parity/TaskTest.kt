package signport.parity

import kotlinx.serialization.json.JsonObject
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import signport.runtime.SignportException

internal class TaskTest {
    private val fed = ArrayList<FloatArray>()

    /** The embedder's and the head's stand-in: the head says 0.7 to class A, 0.2 to B. */
    private inner class Models : Evaluator {
        override val runtime = "faked"
        override val version = "1"

        override fun load(content: ByteArray, name: String, inputs: Map<String, List<Int>>) = object : LoadedModel {
            override fun feed(input: Int, values: FloatArray, offset: Int) {
                if (inputs.size == 3) fed += values
            }

            override fun invoke() = Unit

            override fun output() = if (inputs.size == 3) FloatArray(128) else floatArrayOf(0.7f, 0.2f, 0.06f, 0.04f)

            override fun close() = Unit
        }
    }

    private val hand = FloatArray(63) { (it / 3 + it % 3) / 100f }

    private inner class MediaPipe(private val answer: (TaskMode, Int, blank: Boolean) -> Pair<String, Double>?) :
        TaskRuntime {
        override val runtime = "mediapipe"
        override val version = "1"

        override fun open(task: TaskFile, mode: TaskMode) = object : HandRecognizer {
            private var last = -1L

            override fun recognize(image: Int, blank: Boolean, timestampMs: Long): RecognizedHand? {
                if (mode == TaskMode.VIDEO) check(timestampMs > last) { "timestamps fall" }
                last = timestampMs
                return answer(mode, image, blank)?.let { (label, score) ->
                    RecognizedHand(label, score, hand, hand, 0.25)
                }
            }

            override fun close() = Unit
        }
    }

    private fun checked(
        files: Map<String, ByteArray> = MadeRun.withTask(),
        answer: (TaskMode, Int, Boolean) -> Pair<String, Double>?,
    ) = TaskChecker(MadeRun.job(files), Models()).run(MediaPipe(answer))

    private fun broken(answers: RuntimeAnswers) = answers.task?.gates.orEmpty().filter { !it.passed }.map { it.name }

    @Test
    fun `a bundle that reports its head's best class passes in every mode`() {
        val answers = checked { _, _, blank -> if (blank) null else "A" to 0.7 }
        assertEquals(emptyList<String>(), broken(answers))
        assertEquals(11, answers.task?.gates?.size)
        val figures = answers.task?.figures
        assertEquals("2", "${figures?.get("hands")}")
        assertEquals("0.5", "${(figures?.get("accuracy") as? JsonObject)?.get("value")}")
    }

    @Test
    fun `another score, another class and another mode's answer break gates`() {
        val score = checked { mode, _, _ -> "A" to if (mode == TaskMode.VIDEO) 0.6 else 0.7 }
        assertEquals(
            listOf("task score difference in VIDEO mode", "task answers in VIDEO mode unlike IMAGE mode"),
            broken(score),
        )
        val label = checked { mode, image, _ -> if (mode == TaskMode.IMAGE && image == 1) "B" to 0.2 else "A" to 0.7 }
        assertTrue("task answers in IMAGE mode that are not the head's top class" in broken(label), "${broken(label)}")
        val strange = checked { mode, _, _ -> if (mode == TaskMode.IMAGE) "Victory" to 0.7 else "A" to 0.7 }
        assertTrue("task score difference in IMAGE mode" in broken(strange), "${broken(strange)}")
        val gone = checked { mode, _, _ -> ("A" to 0.7).takeIf { mode != TaskMode.LIVE_STREAM } }
        assertEquals(listOf("task answers in LIVE_STREAM mode unlike IMAGE mode"), broken(gone))
    }

    @Test
    fun `below its threshold the bundle falls back on the canned gestures`() {
        val files = MadeRun.withTask(threshold = 0.9)
        val answer = { canned: String ->
            checked(files) { mode, _, _ -> if (mode == TaskMode.AS_IT_SHIPS) canned to 0.8 else "A" to 0.7 }
        }
        assertEquals(emptyList<String>(), broken(answer("Victory")))
        assertEquals(listOf("task answers that its own thresholds do not explain"), broken(answer("A")))
    }

    @Test
    fun `an int8 head may differ by half a step of its logits`() {
        val near = { _: TaskMode, _: Int, _: Boolean -> "A" to 0.712 }
        assertEquals(emptyList<String>(), broken(checked(MadeRun.withTask(scale = 0.05f), near)))
        assertEquals(3, broken(checked(MadeRun.withTask(), near)).count { "score difference" in it })
    }

    @Test
    fun `the embedder is fed what MediaPipe feeds it`() {
        checked { _, _, _ -> "A" to 0.7 }
        val wide = fed[0]
        // x counts whole, y half: the image is twice as wide as high. The wrist is the origin, the longer side 1.
        assertArrayEquals(floatArrayOf(0f, 0f, 0f), wide.copyOf(3))
        assertArrayEquals(floatArrayOf(0.05f, 0.025f, 0.05f), wide.copyOfRange(3, 6), 1e-5f)
        assertArrayEquals(floatArrayOf(0.75f), fed[1])
        assertArrayEquals(floatArrayOf(0.05f, 0.05f, 0.05f), fed[2].copyOfRange(3, 6), 1e-5f)
    }

    @Test
    fun `a recognizer that fails is a broken gate, one that is not here is skipped`() {
        val failed = checked { _, _, _ -> throw IllegalStateException("MediaPipe: no\nmore") }
        assertEquals(listOf("task runs"), broken(failed))
        val job = MadeRun.job(MadeRun.withTask())
        val missing =
            object : TaskRuntime by MediaPipe({ _, _, _ -> null }) {
                override val missing: String
                    get() = "not installed"
            }
        assertEquals(Status.SKIPPED, TaskChecker(job, Models()).run(missing).status)
        assertEquals(Status.SKIPPED, checked(MadeRun.withTask() - "golden_images.npz") { _, _, _ -> null }.status)
    }

    @Test
    fun `a bundle that its card does not describe is refused`() {
        val files = MadeRun.withTask()
        val other = files + ("gesture_recognizer.task" to files.getValue("gesture_recognizer.task") + 0)
        val message = assertThrows(SignportException::class.java) { MadeRun.job(other) }.message.orEmpty()
        assertTrue("bundle.json says" in message, message)
    }
}
