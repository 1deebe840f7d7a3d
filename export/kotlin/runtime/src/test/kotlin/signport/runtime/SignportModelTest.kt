package signport.runtime

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotSame
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors

internal class SignportModelTest {
    private fun messageOf(action: () -> Unit): String = assertThrows<SignportException> { action() }.message.orEmpty()

    @Test
    fun `the best class has label, index and score`() {
        val answer = handModel().classify(hand(0.2f, 0.7f, 0.1f))
        assertEquals(listOf("B", 1, 0.7f), listOf(answer.label, answer.index, answer.score))
        assertArrayEquals(floatArrayOf(0.2f, 0.7f, 0.1f), answer.scores)
        assertEquals(listOf(Score("B", 1, 0.7f), Score("A", 0, 0.2f)), answer.top(2))
        assertEquals(3, answer.top(9).size)
    }

    @Test
    fun `a broken answer shows`() {
        assertTrue(handModel().classify(hand(0.2f, Float.NaN, 0.1f)).score.isNaN())
    }

    @Test
    fun `what a model returned stays as it is, what a session returned changes with its next run`() {
        val model = handModel()
        val first = model.classify(hand(0.9f, 0f, 0f))
        assertNotSame(first, model.classify(hand(0f, 0.9f, 0f)))
        assertEquals("A", first.label)
        val session = model.newSession()
        val answer = session.classify(hand(0.9f, 0f, 0f))
        val kept = answer.copy()
        assertSame(answer, session.classify(hand(0f, 0.9f, 0f)))
        assertEquals(listOf("B", "A"), listOf(answer.label, kept.label))
    }

    @Test
    fun `a model tells what it takes and answers`() {
        val model = handModel()
        assertEquals("fake: landmarks [1, 21 points, 3 coordinates] -> probabilities [1, 3 classes]", "$model")
        assertEquals(63, model.inputs.single().elements)
        val clips = TensorInfo("landmarks", listOf(1, 30, 75, 3), listOf("batch", "frames", "points", "coordinates"))
        assertEquals("landmarks [1, 30 frames, 75 points, 3 coordinates]", "$clips")
    }

    @Test
    fun `another number of values or inputs is refused by name`() {
        val model = handModel()
        val wanted = "fake: landmarks [1, 21 points, 3 coordinates] takes 63 numbers, got 60"
        assertEquals(wanted, messageOf { model.classify(FloatArray(60)) })
        assertEquals(wanted, messageOf { model.newSession().classify(FloatArray(60)) })
        assertTrue(messageOf { model.classify(FloatArray(63), FloatArray(63)) }.contains("got 2 array(s), give 1"))
        assertTrue(messageOf { model.newSession().input(1) }.contains("has 1 input(s), asked for input 1"))
    }

    @Test
    fun `several inputs are given in the file's order`() {
        val shapes = mapOf("hand" to intArrayOf(1, 21, 3), "handedness" to intArrayOf(1, 1))
        val model = fakeModel(shapes, 2, emptyList()) { inputs, output ->
            output[0] = inputs[0][0]
            output[1] = inputs[1][0]
        }
        assertEquals("1", model.classify(FloatArray(63), floatArrayOf(0.5f)).label)
        val told = messageOf { model.newSession().classify(FloatArray(63)) }
        assertTrue(told.contains("handedness [1, 1 values]; got 1"))
    }

    @Test
    fun `labels can be given, one a class`() {
        val model = handModel(emptyList())
        assertEquals(emptyList<String>(), model.labels)
        assertEquals("1", model.classify(hand(0f, 1f)).label)
        assertEquals("y", model.withLabels(listOf("x", "y", "z")).classify(hand(0f, 1f)).label)
        val told = messageOf { model.withLabels(listOf("x")) }
        assertEquals("fake: 1 labels for probabilities [1, 3 classes]; give one a class", told)
    }

    @Test
    fun `what is no model is refused by name`() {
        fun refused(content: ByteArray): String = messageOf { SignportModel.fromBytes(content, "x") }
        assertTrue(refused(ByteArray(100)).startsWith("x: not a .tflite"))
        assertTrue(messageOf { SignportModel.fromResource("models/none.tflite") }.contains("no such resource"))
        assertEquals("/none/x.tflite: no such file", messageOf { SignportModel.fromFile(File("/none/x.tflite")) })
        val bundle = byteArrayOf(0x50, 0x4b, 3, 4) + ByteArray(100)
        assertTrue(refused(bundle).contains("read a .task bundle with GestureTask"))
    }

    @Test
    fun `threads do not disturb each other`() {
        val model = handModel()
        val pool = Executors.newFixedThreadPool(8)
        try {
            val wrong = List(8) { thread ->
                pool.submit(
                    Callable {
                        (0 until 2_000).count { time ->
                            val score = 1f / (1 + thread * 2_000 + time)
                            model.classify(hand(0f, score, 0f)).scores[1] != score
                        }
                    },
                )
            }
            assertEquals(List(8) { 0 }, wrong.map { it.get() })
        } finally {
            pool.shutdown()
        }
    }

    @Test
    fun `a session's calls take no memory`() {
        val session = handModel().newSession()
        val landmarks = hand(0.2f, 0.7f)
        assertEquals(0, allocatedBytes { session.classify(landmarks) })
    }
}
