@file:JvmName("Main")

package signport.example

import signport.runtime.LiveClassifier
import signport.runtime.SignportException
import signport.runtime.SignportModel
import java.io.File
import java.io.PrintStream
import kotlin.system.exitProcess

private const val USAGE = """usage: signport.example.Main [--live] MODEL.tflite LANDMARKS.csv

A row is a hand, or a frame of a clip: x y z of every point, empty or nan where one is missing. A header may name a
column `label` and, for clips, a column `clip`; without a header, a column more than there are numbers is the label.
--live plays the rows through a LiveClassifier, as a camera would."""

/** Classifies a landmark file; ends with 0, or with 2 and one line that says what is wrong. */
public fun main(arguments: Array<String>) {
    val live = arguments.firstOrNull() == "--live"
    val files = if (live) arguments.drop(1) else arguments.toList()
    if (files.size != 2) {
        System.err.println(USAGE)
        exitProcess(2)
    }
    try {
        val model = SignportModel.fromFile(File(files[0]))
        if (live) playLive(model, File(files[1]), System.out) else classify(model, File(files[1]), System.out)
    } catch (error: SignportException) {
        System.err.println(error.message)
        exitProcess(2)
    }
}

/** Prints the label and score of every hand or clip, and how many are right where the file says what they are. */
internal fun classify(model: SignportModel, file: File, out: PrintStream) {
    val samples = readSamples(file, model.inputs[0])
    var right = 0
    for (sample in samples) {
        val answer = model.classify(sample.landmarks)
        val truth = sample.label?.let { "  ($it)" }.orEmpty()
        out.println("%-12s %s %.4f%s".format(sample.name, answer.label, answer.score, truth))
        if (answer.label == sample.label) right++
    }
    if (samples.all { it.label != null }) {
        out.println("%d of %d right (%.4f)".format(right, samples.size, right.toDouble() / samples.size))
    }
}

/** Prints each label when the classifier becomes sure of it. */
internal fun playLive(model: SignportModel, file: File, out: PrintStream) {
    val live = LiveClassifier(model)
    for (row in readRows(file, model.inputs[0])) {
        live.push(row.numbers)?.let { out.println("line %d: %s %.4f".format(row.line, it.label, it.score)) }
    }
}
