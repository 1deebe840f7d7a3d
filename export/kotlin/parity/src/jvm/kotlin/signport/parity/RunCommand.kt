package signport.parity

import signport.runtime.SignportException
import java.io.File
import java.io.IOException
import java.io.PrintStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * `run MODEL.tflite JOB OUTPUT WARM_UP REPEATS SECONDS`: one file over a job's samples, as `export/android/runner` does
 * it.
 *
 * OUTPUT receives float32 samples × elements of the first output. One line of JSON is printed. Whatever is wrong is one
 * line `runner: …` on stderr and exit status 1; a file that the runtime is known not to take is that and 3.
 */
internal class RunCommand(private val out: PrintStream, private val err: PrintStream) {
    fun run(arguments: List<String>): Int = try {
        if (arguments.size != ARGUMENTS) {
            throw SignportException("usage: run MODEL JOB OUTPUT WARM_UP REPEATS SECONDS")
        }
        val measure =
            Measure(
                warmUp = whole(arguments[3], "WARM_UP"),
                repeats = whole(arguments[4], "REPEATS"),
                seconds =
                arguments[5].toDoubleOrNull()
                    ?: throw SignportException("SECONDS is ${arguments[5]}, expected a number"),
            )
        out.println(answer(File(arguments[0]), JobFile.read(File(arguments[1])), File(arguments[2]), measure))
        0
    } catch (error: NotTakenException) {
        err.println("runner: ${error.line()}")
        NOT_TAKEN
    } catch (error: SignportException) {
        err.println("runner: ${error.line()}")
        1
    }

    private fun answer(file: File, job: JobFile, output: File, measure: Measure): String {
        val start = System.nanoTime()
        val content = ExportFolder(file.absoluteFile.parentFile).content(file.name)
        val model = SignportEvaluator().load(content, file.path, job.inputs.mapValues { it.value.shape })
        val loadMs = (System.nanoTime() - start) / 1e6
        val samples = Samples(model, job.inputs.values.toList(), job.samples)
        val answers = samples.answers()
        write(output, answers)
        val times = samples.times(measure)
        val latencies = if (times.isEmpty()) json() else json("1" to times.toList())
        return json(
            "times_us" to latencies,
            "samples" to job.samples,
            "elements" to answers[0].size,
            "load_ms" to loadMs,
            "peak_memory_bytes" to (peakMemoryBytes() ?: 0L),
            "nodes" to TfliteFile.read(content, file.path).operators,
            "delegated" to (model.delegated ?: -1.0),
            "sha256" to digest(content),
            "version" to SignportEvaluator().version,
        )
            .toString()
    }

    private fun write(file: File, answers: Array<FloatArray>) {
        val content =
            ByteBuffer.allocate(answers.size * answers[0].size * Float.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
        for (row in answers) for (value in row) content.putFloat(value)
        try {
            file.writeBytes(content.array())
        } catch (error: IOException) {
            throw SignportException("$file: cannot be written (${error.message})", error)
        }
    }

    private fun whole(text: String, what: String): Int = text.toIntOrNull()?.takeIf { it in 0..MOST_REPEATS }
        ?: throw SignportException("$what is $text, expected 0 to $MOST_REPEATS")

    private companion object {
        const val ARGUMENTS = 6
        const val MOST_REPEATS = 1_000_000
        const val NOT_TAKEN = 3
    }
}
