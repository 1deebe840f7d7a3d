package signport.parity

import java.io.PrintStream
import kotlin.system.exitProcess

/** The command line: `check` and `run`. */
public object Main {
    private const val BAD_INPUT = 2

    /** Runs a command and ends the process with its exit status. */
    @JvmStatic
    public fun main(arguments: Array<String>) {
        // Windows' own encoding lacks ≤.
        val out = PrintStream(System.out, true, "UTF-8")
        val err = PrintStream(System.err, true, "UTF-8")
        exitProcess(run(arguments.toList(), out, err))
    }

    internal fun run(arguments: List<String>, out: PrintStream, err: PrintStream): Int =
        when (arguments.firstOrNull()) {
            "check" -> CheckCommand(out, err).run(arguments.drop(1))

            "run" -> RunCommand(out, err).run(arguments.drop(1))

            else -> {
                err.println("signport-parity: ${CheckCommand.USAGE}; or run MODEL JOB OUTPUT WARM_UP REPEATS SECONDS")
                BAD_INPUT
            }
        }
}
