package signport.example

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import signport.runtime.SignportException
import signport.runtime.SignportModel
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.PrintStream

internal class LandmarksTest {
    @TempDir
    lateinit var folder: File

    private val runs = System.getProperty("signport.runs").orEmpty()

    private fun model(name: String): SignportModel {
        val file = File(runs, "$name/export/model_float32.tflite")
        assumeTrue(runs.isNotEmpty() && file.isFile, "no $name in -Dsignport.runs: `make test` makes it")
        return SignportModel.fromFile(file)
    }

    private fun csv(text: String): File = File(folder, "landmarks.csv").apply { writeText(text) }

    private fun row(columns: Int = 63): String = List(columns) { "0.${it % 7}" }.joinToString(",")

    private fun printed(print: (PrintStream) -> Unit): List<String> =
        ByteArrayOutputStream().also { print(PrintStream(it)) }.toString().lines().filter { it.isNotEmpty() }

    @Test
    fun `rows are hands, their label first, last or by name`() {
        val hand = model("mlp").inputs[0]
        val header = (List(63) { "p$it" }).joinToString(",")
        val files = listOf("${row()},1", "1x,${row()}", "$header,Label\n${row()},1", "label,$header\n1,${row()}")
        for (text in files) {
            val found = readRows(csv("$text\n"), hand).single()
            assertEquals("1", found.label?.take(1))
            assertEquals(0.6f, found.numbers[6])
        }
        val gaps = row().replaceFirst("0.0", "").replaceFirst("0.1", "NaN").replace(',', ';')
        val found = readRows(csv(gaps), hand).single()
        assertTrue(found.numbers[0].isNaN() && found.numbers[1].isNaN() && found.label == null)
    }

    @Test
    fun `rows of one clip become a clip that ends in missing frames`() {
        val clips = model("lstm").inputs[0]
        val (most, width) = clips.shape[1] to clips.shape[2] * clips.shape[3]
        val header = "clip,label," + List(width) { "p$it" }.joinToString(",")
        val text = listOf(header, "a,x,${row(width)}", "a,x,${row(width)}", "b,y,${row(width)}").joinToString("\n")
        val (first, second) = readSamples(csv(text), clips)
        assertEquals(listOf("clip a", "x", "clip b", "y"), listOf(first.name, first.label, second.name, second.label))
        assertEquals(listOf(2 * width, width), listOf(first, second).map { one -> one.landmarks.count { !it.isNaN() } })
        assertArrayEquals(first.landmarks.copyOf(width), second.landmarks.copyOf(width))
        val long = csv(List(most + 1) { row(width) }.joinToString("\n"))
        val told = assertThrows<SignportException> { readSamples(long, clips) }.message.orEmpty()
        assertTrue(told.contains("${most + 1} frames; the model takes $most"))
    }

    @Test
    fun `a file that does not fit is refused with its line`() {
        val hand = model("mlp").inputs[0]
        fun told(text: String) = assertThrows<SignportException> { readRows(csv(text), hand) }.message.orEmpty()
        assertTrue(told("${row()},1\n${row(60)},1").contains("line 2 has 61 columns, the first has 64"))
        assertTrue(told(row(60)).contains("line 1 has 60 numbers; landmarks [1, 21 points, 3 coordinates] takes 63"))
        assertTrue(told("${row()}\n${row().replaceFirst("0.3", "x")}").contains("line 2: 'x' is no number"))
        assertTrue(told("\n").contains("is empty"))
        assertThrows<SignportException> { readRows(File(folder, "none.csv"), hand) }
    }

    @Test
    fun `answers are those of the model, with the share that is right`() {
        val model = model("mlp")
        val wanted = model.classify(readRows(csv(row()), model.inputs[0]).single().numbers)
        val other = model.labels.first { it != wanted.label }
        val header = "label,${row().replace("0.", "p")}"
        val told = printed { classify(model, csv("$header\n${wanted.label},${row()}\n$other,${row()}"), it) }
        assertEquals("line 2       ${wanted.label} %.4f  (${wanted.label})".format(wanted.score), told[0])
        assertEquals("1 of 2 right (0.5000)", told.last())
        val live = printed { playLive(model, csv(List(5) { row() }.joinToString("\n")), it) }
        assertTrue(live.size <= 1)
    }
}
