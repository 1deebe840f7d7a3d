package signport.parity

import kotlinx.serialization.json.JsonObject

/** Whether something ran. */
public enum class Status(internal val word: String) {
    RAN("ran"),
    SKIPPED("skipped"),
    FAILED("failed"),
}

/**
 * How files are measured.
 *
 * @property repeats Timed calls for each file, at most; 0: no times are taken.
 * @property warmUp Calls before them that are not counted, at most.
 * @property seconds When a measurement ends although calls are left; no sooner than after 10 calls.
 */
public class Measure(public val repeats: Int = 300, public val warmUp: Int = 50, public val seconds: Double = 0.3)

/**
 * One file in one runtime, not yet judged.
 *
 * @property status Whether it ran.
 * @property reason Why it failed or was skipped.
 * @property output (samples, outputs): the file's first output; null where it did not run.
 * @property loadMs Time to load the file, in milliseconds.
 * @property latency Time of a call on one thread; null where none was taken.
 * @property sha256 Digest of the file as it was read.
 * @property delegated Share of the graph's operators that a delegate took; null where the runtime does not tell.
 */
public class Answer(
    public val status: Status,
    public val reason: String = "",
    public val output: Array<FloatArray>? = null,
    public val loadMs: Double? = null,
    public val latency: Latency? = null,
    public val sha256: String = "",
    public val delegated: Double? = null,
)

/**
 * A job in one runtime.
 *
 * @property runtime The runtime's name.
 * @property status Skipped where it is not here or takes no such files; failed where it could not be started.
 * @property reason Why not.
 * @property version Of the runtime.
 * @property device What it ran on.
 * @property files Format → answer.
 * @property task Figures and gates of the `.task`; null where this runtime takes none.
 * @property peakMemoryBytes Of the process, over all files so far; null where the system does not tell.
 */
public class RuntimeAnswers(
    public val runtime: String,
    public val status: Status,
    public val reason: String = "",
    public val version: String = "",
    public val device: Map<String, String> = emptyMap(),
    public val files: Map<Format, Answer> = emptyMap(),
    public val task: TaskResult? = null,
    public val peakMemoryBytes: Long? = null,
)

/**
 * A judged `.task`.
 *
 * @property figures As `parity.json` holds them.
 * @property gates What it was judged by.
 */
public class TaskResult(public val figures: JsonObject, public val gates: List<Gate>)
