package signport.parity

import signport.runtime.SignportException
import java.io.File
import java.io.IOException
import java.io.PrintStream
import java.util.Locale

/**
 * `check EXPORT [--out parity.json] [--gates FILE] [--repeats N]`: a run's files in signport's own runtime, judged.
 *
 * Exit status 0 where every gate holds, 1 where one is broken or nothing ran, 2 where the input is at fault.
 */
internal class CheckCommand(private val out: PrintStream, private val err: PrintStream) {
    private class Options(arguments: List<String>) {
        val folder: File
        val report: File
        val gates: File?
        val repeats: Int

        init {
            val named = HashMap<String, String>()
            val plain = ArrayList<String>()
            val left = arguments.toMutableList()
            while (left.isNotEmpty()) {
                val word = left.removeAt(0)
                if (!word.startsWith("--")) {
                    plain += word
                    continue
                }
                val (name, value) =
                    if ('=' in word) word.split('=', limit = 2) else listOf(word, left.removeFirstOrNull().orEmpty())
                if (name !in KNOWN || value.isEmpty()) {
                    throw SignportException("$word: unknown or without its value; $USAGE")
                }
                named[name] = value
            }
            folder = File(plain.singleOrNull() ?: throw SignportException("give one export folder; $USAGE"))
            report = File(named["--out"] ?: "parity.json")
            gates = named["--gates"]?.let(::File)
            val told = named["--repeats"] ?: "300"
            repeats =
                told.toIntOrNull()?.takeIf { it >= 0 } ?: throw SignportException("--repeats $told: give 0 or more")
        }
    }

    fun run(arguments: List<String>): Int = try {
        val options = Options(arguments)
        // A run's folder is taken, too: what is meant lies in it.
        val folder = File(options.folder, "export").takeIf { it.isDirectory } ?: options.folder
        val start = System.nanoTime()
        val job = JobReader(ExportFolder(folder)).read(options.gates?.let { parseJson(text(it), it.path) })
        val result =
            Judgement(job)
                .judge(JobRunner(job, Measure(options.repeats, WARM_UP, SECONDS)).run(SignportEvaluator()))
        val command =
            (listOf("java -jar signport-parity-all.jar check") + arguments.map(::quoted)).joinToString(" ")
        val report = ParityReport(job, "jvm", listOf(result), machine(), command, (System.nanoTime() - start) / 1e9)
        report.write(options.report)
        summary(report, options.report)
        if (report.status == "passed") 0 else 1
    } catch (error: SignportException) {
        err.println("signport-parity: ${error.line()}")
        BAD_INPUT
    }

    private fun text(file: File): String = try {
        file.readText()
    } catch (error: IOException) {
        throw SignportException("$file: cannot be read (${error.message})", error)
    }

    private fun summary(report: ParityReport, file: File) {
        for (result in report.results) {
            val answers = result.answers
            out.println("${report.target} ${answers.runtime}: ${answers.status.word}${told(answers.reason)}")
            for ((form, found) in result.files) out.println("  %-8s %s".format(Locale.ROOT, form.word, line(found)))
        }
        for (broken in report.broken) out.println("broken: $broken")
        out.println("${report.status}: $file")
    }

    private fun line(found: FileResult): String {
        val agreement = found.agreement ?: return "${found.answer.status.word}${told(found.reason)}"
        val held = found.gates.count { it.passed }
        val litert = found.againstReference["max_abs"]?.let { ", from LiteRT ≤ ${brief(it)}" }.orEmpty()
        val steps = found.againstReference["steps"]?.let { " (${short(it)} steps)" }.orEmpty()
        val top1 = if (agreement.top1.isNaN()) "" else "agrees %.2f %%, ".format(Locale.ROOT, 100 * agreement.top1)
        val time = found.answer.latency?.let { ", %.1f µs".format(Locale.ROOT, it.medianUs) }.orEmpty()
        return "${top1}error ≤ ${brief(agreement.maxAbs)}$litert$steps$time, gates $held of ${found.gates.size}"
    }

    private fun brief(value: Double): String = "%.2g".format(Locale.ROOT, value)

    private fun told(reason: String): String = if (reason.isEmpty()) "" else " ($reason)"

    private fun quoted(word: String): String = if (PLAIN.matches(word)) word else "'" + word.replace("'", "'\\''") + "'"

    private fun machine(): Machine {
        val system = listOf("os.name", "os.version", "os.arch").joinToString("-") { System.getProperty(it).orEmpty() }
        val java = "Java ${System.getProperty("java.version")}"
        val processor =
            File("/proc/cpuinfo")
                .takeIf { it.isFile }
                ?.useLines { lines ->
                    lines.firstOrNull { it.startsWith("model name") }?.substringAfter(':')?.trim()
                }
        return Machine("$system, $java", processor ?: System.getProperty("os.arch").orEmpty())
    }

    internal companion object {
        const val USAGE = "usage: check EXPORT_FOLDER [--out parity.json] [--gates FILE] [--repeats N]"
        private const val BAD_INPUT = 2

        // Java's compiler starts after some thousand calls; a fifth of the seconds are for them.
        private const val WARM_UP = 20_000
        private const val SECONDS = 1.0
        private val KNOWN = setOf("--out", "--gates", "--repeats")
        private val PLAIN = Regex("[A-Za-z0-9_./=:@%+,-]+")
    }
}
