package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.assertThrows
import java.io.ByteArrayOutputStream
import java.io.File
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.math.abs

/** Bundles, held to what MediaPipe said to images: `tests/kotlin/gestures.py` wrote it down. */
internal class GestureTaskTest {
    @TestFactory
    fun `a bundle says what MediaPipe says`(): List<DynamicTest> = Runs.with("reference/gestures.txt") { run ->
        val task = GestureTask.fromFile(File(run, "export/gesture_recognizer.task"))
        val lines = File(run, "reference/gestures.txt").readLines().map { it.split('\t') }
        val bound = lines[0][1].toFloat()
        val hands = lines.drop(1)
        val sources = HashSet<Boolean?>()
        var worst = 0f
        for ((number, fields) in hands.withIndex()) {
            val numbers = FloatArray(fields.size - FIRST) { fields[FIRST + it].toFloat() }
            val found = task.recognize(
                hand = numbers.copyOfRange(0, numbers.size / 2),
                world = numbers.copyOfRange(numbers.size / 2, numbers.size),
                left = fields[2].toFloat(),
                imageWidth = fields[3].toInt(),
                imageHeight = fields[4].toInt(),
            )
            sources += found?.custom
            assertEquals(fields[0], found?.label ?: "-", "hand $number")
            if (found != null) worst = maxOf(worst, abs(fields[1].toFloat() - found.score))
        }
        println("${run.name}: ${hands.size} hands, scores within $worst of MediaPipe's (bound $bound)")
        assertTrue(worst <= bound, "scores differ by $worst")
        assertTrue(hands.size > 10 && false in sources)
        assertEquals(task.labels.isNotEmpty(), true in sources)
    }

    @Test
    fun `what is no bundle is refused by name`() {
        fun told(content: ByteArray): String? =
            assertThrows<SignportException> { GestureTask.fromBytes(content, "x.task") }.message
        assertEquals("x.task: not a .task bundle (no zip archive)", told(ByteArray(100)))
        val other = ByteArrayOutputStream()
        ZipOutputStream(other).use { it.putNextEntry(ZipEntry("a.txt")) }
        assertEquals("x.task: no gesture bundle: it lacks hand_gesture_recognizer.task", told(other.toByteArray()))
    }

    private companion object {
        const val FIRST = 5
    }
}
