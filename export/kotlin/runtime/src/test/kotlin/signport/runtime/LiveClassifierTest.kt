package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** When a label is given, with a model that answers what a test tells it to; as `tests/export/test_stream.py`. */
internal class LiveClassifierTest {
    private val sure = floatArrayOf(0f, 0.9f, 0.05f, 0.05f)
    private val other = floatArrayOf(0f, 0.05f, 0.9f, 0.05f)
    private val unsure = floatArrayOf(0.1f, 0.4f, 0.3f, 0.2f)
    private val wavering = floatArrayOf(0.1f, 0.5f, 0.3f, 0.1f)
    private val nothing = floatArrayOf(0.97f, 0.01f, 0.01f, 0.01f)
    private val gone = floatArrayOf(0.4f, 0.2f, 0.2f, 0.2f)
    private val frame = FloatArray(75 * COORDINATES)

    private class Told(answers: List<FloatArray>, override val frames: Int = 8) : LiveClassifier.Source {
        private val answers = answers.iterator()
        override val labels = listOf("None", "A", "B", "C")
        override val points = 75
        var asked = 0

        override fun scores(window: SlidingWindow): FloatArray {
            asked++
            return answers.next()
        }
    }

    /** What is said, frame by frame: label or null. */
    private fun said(answers: List<FloatArray>, hold: Int = 1, repeat: Boolean = false): List<String?> {
        val settings = LiveSettings(smoothing = 0f, hold = hold, minFrames = 1, repeat = repeat)
        val live = LiveClassifier(Told(answers), settings)
        return answers.map { live.push(frame)?.label }
    }

    private fun times(count: Int, vararg answers: FloatArray): List<FloatArray> =
        List(count) { answers.toList() }.flatten()

    @Test
    fun `a label is given once, when it is sure for long enough`() {
        assertEquals(listOf(null, "A", null, null, null), said(times(3, sure) + times(2, unsure), hold = 2))
        assertEquals(List(4) { null }, said(times(2, sure, unsure), hold = 2))
        assertEquals(List(3) { "A" }, said(times(3, sure), repeat = true))
    }

    @Test
    fun `a score that wavers around the threshold does not flicker`() {
        assertEquals(listOf("A") + List(7) { null }, said(times(4, sure, wavering)))
        assertEquals(listOf("A", "B", "A"), said(listOf(sure, other, sure)))
        assertEquals(listOf("A", null, "A"), said(listOf(sure, gone, sure)))
    }

    @Test
    fun `smoothing waits for the average`() {
        val answers = listOf(unsure) + times(4, sure)
        val live = LiveClassifier(Told(answers), LiveSettings(smoothing = 0.8f, hold = 1, minFrames = 1))
        assertEquals(listOf(null, null, null, "A", null), answers.map { live.push(frame)?.label })
    }

    @Test
    fun `the background class is no label and ends one`() {
        assertEquals(List(3) { null }, said(times(3, nothing)))
        val live = LiveClassifier(Told(listOf(sure, nothing)), LiveSettings(smoothing = 0f, hold = 1, minFrames = 1))
        assertEquals(LiveAnswer("A", 1, 0.9f, 0), live.push(frame))
        assertEquals("A", live.label)
        assertNull(live.push(frame))
        assertNull(live.label)
    }

    @Test
    fun `without hands there is no label, and averages start afresh`() {
        val live = LiveClassifier(Told(times(20, sure)), LiveSettings(frames = 4, minFrames = 2, hold = 1))
        val told = List(10) { live.push(if (it in 3..6) null else frame)?.label }
        assertEquals(listOf(null, "A", null, null, null, null, null, null, "A", null), told)
        val silent = LiveClassifier(Told(times(20, sure)), LiveSettings(hold = 1))
        repeat(20) { assertNull(silent.push(null)) }
        assertNull(silent.scores)
    }

    @Test
    fun `the model is asked at every stride, and frames keep the speed it knows`() {
        fun asked(settings: LiveSettings): Int {
            val source = Told(times(40, sure))
            val live = LiveClassifier(source, settings)
            repeat(12) { live.push(frame) }
            return source.asked
        }
        assertEquals(4, asked(LiveSettings(stride = 3)))
        assertEquals(6, asked(LiveSettings(speed = 0.5)))
        assertEquals(12, asked(LiveSettings(speed = 2.0)))
        assertEquals(6, asked(LiveSettings(speed = 1.5, stride = 3)))
    }

    @Test
    fun `a frame that does not fit is refused and changes nothing`() {
        val source = Told(times(9, sure))
        val live = LiveClassifier(source, LiveSettings(hold = 2, speed = 0.5))
        live.push(frame)
        assertThrows<SignportException> { live.push(FloatArray(5)) }
        live.push(frame)
        assertEquals(1, source.asked)
        assertEquals(2L, live.push(frame)?.frame)
    }

    @Test
    fun `after a reset the next frame is the first`() {
        val live = LiveClassifier(Told(times(9, sure)), LiveSettings(hold = 2))
        val first = List(3) { live.push(frame) }
        live.reset()
        assertNull(live.label)
        assertEquals(first, List(3) { live.push(frame) })
    }

    @Test
    fun `settings out of their range are refused by name`() {
        fun told(make: () -> Any): String = assertThrows<SignportException> { make() }.message.orEmpty()
        assertEquals("live threshold 1.5: give 0 to 1", told { LiveSettings(threshold = 1.5f) })
        assertEquals("live smoothing 1.0: give 0 to 0.99", told { LiveSettings(smoothing = 1f) })
        assertEquals("live hold 0: give 1 or more", told { LiveSettings(hold = 0) })
        assertEquals("live frames 9: give 1 to 8", told { LiveClassifier(Told(emptyList()), LiveSettings(frames = 9)) })
        assertTrue(told { LiveSettings(threshold = Float.NaN) }.startsWith("live threshold NaN"))
    }

    @Test
    fun `a model that is not one of landmarks and classes is refused`() {
        assertThrows<SignportException> { LiveClassifier(handModel(emptyList())) }
        val head = fakeModel(mapOf("embedding" to intArrayOf(1, 128)), 2, listOf("A", "B")) { _, _ -> }
        val told = assertThrows<SignportException> { LiveClassifier(head) }.message
        assertEquals("fake: takes embedding [1, 128 values]; live, a model takes landmarks alone", told)
    }

    @Test
    fun `models of single frames work as those of clips`() {
        val live = LiveClassifier(handModel(), LiveSettings(hold = 2))
        val told = List(4) { live.push(hand(0.1f, 0.8f, 0.1f))?.label }
        assertEquals(listOf(null, "B", null, null), told)
        live.push(null)
        assertNull(live.label)
    }

    @Test
    fun `a push that says nothing takes no memory`() {
        val live = LiveClassifier(handModel())
        val landmarks = hand(0.1f, 0.8f, 0.1f)
        live.push(landmarks)
        assertEquals(0, allocatedBytes { live.push(landmarks) })
    }
}
