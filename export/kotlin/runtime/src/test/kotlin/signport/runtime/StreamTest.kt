package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory
import java.io.File

/** The same frames through Python's `Stream`, which `tests/kotlin/stream.py` wrote down, and through ours. */
internal class StreamTest {
    @TestFactory
    fun `live answers are those of Python's stream`(): List<DynamicTest> = Runs.with("reference/stream.txt") { run ->
        val model = SignportModel.fromFile(File(run, "export/model_float32.tflite"))
        val lines = File(run, "reference/stream.txt").readLines().map { it.split('\t') }
        val frames = lines.filter { it[0] == "frame" }.map { if (it[1] == "-") null else numbers(it.drop(1)) }
        val played = lines.withIndex().filter { it.value[0] == "settings" }
        assertTrue(frames.size > 50 && played.size >= 3)
        var answers = 0
        for ((line, settings) in played) {
            val live = LiveClassifier(model, settings(settings.drop(1).filter { it.isNotEmpty() }))
            frames.forEachIndexed { number, frame ->
                val wanted = lines[line + 1 + number]
                val found = live.push(frame)
                val where = "$settings, frame $number"
                assertEquals(wanted[1], found?.label ?: "-", where)
                assertEquals(wanted[4], live.label ?: "-", where)
                if (found != null) {
                    answers++
                    assertEquals(wanted[2].toInt(), found.index, where)
                    assertEquals(number.toLong(), found.frame, where)
                    assertEquals(wanted[3].toFloat(), found.score, SCORE_ERROR, where)
                }
            }
        }
        assertTrue(answers > 10, "only $answers answers")
    }

    private fun numbers(texts: List<String>): FloatArray =
        FloatArray(texts.size) { if (texts[it] == "nan") Float.NaN else texts[it].toFloat() }

    private fun settings(pairs: List<String>): LiveSettings {
        val given = pairs.associate { it.substringBefore('=') to it.substringAfter('=') }
        val defaults = LiveSettings()
        val known = setOf("threshold", "smoothing", "hold", "stride", "frames", "min_frames", "repeat", "speed")
        assertTrue(known.containsAll(given.keys), "${given.keys}")
        return LiveSettings(
            threshold = given["threshold"]?.toFloat() ?: defaults.threshold,
            smoothing = given["smoothing"]?.toFloat() ?: defaults.smoothing,
            hold = given["hold"]?.toInt() ?: defaults.hold,
            stride = given["stride"]?.toInt() ?: defaults.stride,
            frames = given["frames"]?.toInt(),
            minFrames = given["min_frames"]?.toInt(),
            repeat = given["repeat"]?.toBoolean() ?: defaults.repeat,
            speed = given["speed"]?.toDouble() ?: defaults.speed,
        )
    }

    private companion object {
        const val SCORE_ERROR = 1e-5f
    }
}
