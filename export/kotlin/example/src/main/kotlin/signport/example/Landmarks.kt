package signport.example

import signport.runtime.SignportException
import signport.runtime.TensorInfo
import java.io.File
import java.io.IOException

/**
 * A row of a landmark file.
 *
 * @property line Its number in the file, from 1.
 * @property numbers (points, 3), row-major, NaN where a point is missing.
 * @property label What it is, where the file says so.
 * @property clip The clip that it belongs to, where the file says so.
 */
internal class Row(val line: Int, val numbers: FloatArray, val label: String?, val clip: String?)

/** What a model takes at once: a hand, or a whole clip that ends in NaN. */
internal class Sample(val name: String, val landmarks: FloatArray, val label: String?)

/** The samples of a file: its rows, or its clips where [input] takes frames. */
internal fun readSamples(file: File, input: TensorInfo): List<Sample> {
    val rows = readRows(file, input)
    if ("frames" !in input.axes) return rows.map { Sample("line ${it.line}", it.numbers, it.label) }
    return rows.groupBy { it.clip }.map { (clip, frames) ->
        val most = input.shape[input.axes.indexOf("frames")]
        if (frames.size > most) {
            val which = "clip ${clip.orEmpty()} has ${frames.size} frames"
            throw SignportException("$file: $which; the model takes $most, leave some out")
        }
        val landmarks = FloatArray(input.elements) { Float.NaN }
        frames.forEachIndexed { index, frame -> frame.numbers.copyInto(landmarks, index * frame.numbers.size) }
        Sample(clip?.let { "clip $it" } ?: "the clip", landmarks, frames[0].label)
    }
}

/** The rows of a comma, semicolon or tab separated file. */
internal fun readRows(file: File, input: TensorInfo): List<Row> {
    val cells = readCells(file)
    val width = input.shape.takeLast(2).fold(1) { product, size -> product * size }
    val header = cells[0].second.takeIf { names -> names.none { it.toFloatOrNull() != null } }.orEmpty()
    val names = header.map { it.lowercase() }
    val clipColumn = names.indexOf("clip")
    val labelColumn = if (header.isNotEmpty()) names.indexOf("label") else labelColumnOf(cells[0].second, width)
    return cells.drop(if (header.isEmpty()) 0 else 1).map { (line, row) ->
        if (row.size != cells[0].second.size) {
            val wanted = cells[0].second.size
            throw SignportException("$file: line $line has ${row.size} columns, the first has $wanted; correct it")
        }
        val numbers = row.filterIndexed { column, _ -> column != clipColumn && column != labelColumn }
        if (numbers.size != width) {
            throw SignportException("$file: line $line has ${numbers.size} numbers; $input takes $width in a row")
        }
        val landmarks = FloatArray(width) { numberOf(numbers[it], file, line) }
        Row(line, landmarks, row.getOrNull(labelColumn), row.getOrNull(clipColumn))
    }
}

/** Line number and cells of every row that is not blank. */
private fun readCells(file: File): List<Pair<Int, List<String>>> {
    val lines = try {
        file.readLines().withIndex().filter { it.value.isNotBlank() }
    } catch (error: IOException) {
        throw SignportException("$file: cannot be read (${error.message})", error)
    }
    val first = lines.firstOrNull()?.value ?: throw SignportException("$file: is empty; give a table of landmarks")
    val separator = ",;\t".maxByOrNull { mark -> first.count { it == mark } } ?: ','
    return lines.map { (index, text) ->
        index + 1 to text.removePrefix("\uFEFF").split(separator).map { it.trim().trim('"') }
    }
}

/** Without a header: the first column that holds no number, else the last; -1 where there are only [width] columns. */
private fun labelColumnOf(row: List<String>, width: Int): Int {
    if (row.size <= width) return -1
    val named = row.indexOfFirst { it.isNotEmpty() && it.toFloatOrNull() == null && it.lowercase() != "nan" }
    return if (named >= 0) named else row.size - 1
}

private fun numberOf(text: String, file: File, line: Int): Float = if (text.isEmpty() || text.lowercase() == "nan") {
    Float.NaN
} else {
    text.toFloatOrNull()
        ?: throw SignportException("$file: line $line: '$text' is no number; a missing point is empty")
}
