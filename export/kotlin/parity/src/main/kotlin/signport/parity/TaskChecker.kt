package signport.parity

import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.doubleOrNull
import signport.runtime.SignportException
import kotlin.math.abs

/**
 * Asks a MediaPipe about a job's `.task` in every mode, and judges it as signport's `parity/task_judgement.py` does.
 */
public class TaskChecker(private val job: Job, private val evaluator: Evaluator) {
    /**
     * Every golden image in every mode. What goes wrong is an answer, too.
     *
     * @throws SignportException The bundle is damaged.
     */
    public fun run(runtime: TaskRuntime): RuntimeAnswers {
        val task =
            job.task ?: throw SignportException("${job.source.name}: has no $TASK_FILE; make it with `signport bundle`")
        fun answers(status: Status, reason: String, result: TaskResult?) = RuntimeAnswers(
            runtime.runtime,
            status,
            reason,
            runtime.version,
            task = result,
            peakMemoryBytes = result?.let { peakMemoryBytes() },
        )
        runtime.missing?.let {
            return answers(Status.SKIPPED, it, null)
        }
        if (task.images.isEmpty()) return answers(Status.SKIPPED, NO_IMAGES, null)
        return TaskScores.of(task, evaluator).use { scores ->
            try {
                val times = ArrayList<Double>()
                val found = TaskMode.values().associateWith { mode -> ask(runtime, task, mode, scores, times) }
                answers(
                    Status.RAN,
                    "",
                    TaskJudgement(task, scores, job.gates).judge(found, Latency.of(times.toDoubleArray())),
                )
            } catch (error: RuntimeException) {
                val gates = listOf(Gate.atLeast("task runs", 0.0, 1.0))
                val figures = json("status" to "failed", "reason" to error.line(), "gates" to gates(gates))
                answers(Status.RAN, "", TaskResult(figures, gates))
            }
        }
    }

    private fun ask(
        runtime: TaskRuntime,
        task: TaskFile,
        mode: TaskMode,
        scores: TaskScores,
        times: MutableList<Double>,
    ): List<TaskAnswer> = runtime.open(task, mode).use { recognizer ->
        val tracks = mode == TaskMode.VIDEO || mode == TaskMode.LIVE_STREAM
        var timestamp = 0L
        recognizer.takeIf { !tracks }?.recognize(0, blank = false, timestampMs = 0)
        task.images.indices.map { image ->
            // A black frame before each image, so that no hand is tracked from image to image.
            if (tracks) {
                recognizer.recognize(image, blank = true, timestampMs = timestamp).also { timestamp += FRAME_MS }
            }
            val start = System.nanoTime()
            val hand = recognizer.recognize(image, blank = false, timestampMs = timestamp)
            if (mode == TaskMode.IMAGE) times += (System.nanoTime() - start) / 1e3
            timestamp += FRAME_MS
            TaskAnswer(image, hand, hand?.let { scores.scores(image, it) } ?: FloatArray(0))
        }
    }

    private companion object {
        const val FRAME_MS = 33L
        const val NO_IMAGES =
            "no golden images: the run's data came from none; train the head on images and export again"
    }
}

/** A `.task`'s answers → figures and gates. */
internal class TaskJudgement(private val task: TaskFile, private val scores: TaskScores, gates: Gates) {
    /**
     * Largest score difference allowed: the family's for a float head; for an int8 head half a step of its logits. If
     * every logit moves by at most one step s, a softmax probability moves by at most s/2 (its derivative p·(1-p) is at
     * most 1/4).
     */
    private val bound = maxOf(gates.bound("task_max_abs"), (scores.step ?: 0.0) / 2)

    fun judge(found: Map<TaskMode, List<TaskAnswer>>, latency: Latency): TaskResult {
        val image = found.getValue(TaskMode.IMAGE)
        val seen = image.filter { it.hand != null }
        val other = if ((task.card["sha256"] as? JsonPrimitive)?.contentOrNull == task.sha256) 0 else 1
        val judged =
            mutableListOf(
                Gate.atLeast("task images with a hand", seen.size.toDouble(), 1.0),
                Gate.none("task read from another file", other),
            )
        val differences = LinkedHashMap<String, Double>()
        for (mode in HEAD_MODES) {
            val hands = found.getValue(mode).filter { it.hand != null }
            val worst =
                hands.map(::difference).let { all ->
                    if (all.any { it.isNaN() }) Double.NaN else all.maxOrNull() ?: 0.0
                }
            differences[mode.word] = worst
            judged += Gate.atMost("task score difference in ${mode.word} mode", worst, bound)
            judged +=
                Gate.none(
                    "task answers in ${mode.word} mode that are not the head's top class",
                    hands.count { !isTop(it) },
                )
        }
        for (mode in HEAD_MODES.drop(1)) {
            val unlike = image.zip(found.getValue(mode)).count { (a, b) -> !same(a, b) }
            judged += Gate.none("task answers in ${mode.word} mode unlike IMAGE mode", unlike)
        }
        val threshold = (task.card["score_threshold"] as? JsonPrimitive)?.doubleOrNull ?: DEFAULT_THRESHOLD
        val wrong = found.getValue(TaskMode.AS_IT_SHIPS).count { it.hand != null && !asItShips(it, threshold) }
        judged += Gate.none("task answers that its own thresholds do not explain", wrong)
        val known = seen.filter { task.labels[it.image].isNotEmpty() }
        val right = known.count { it.hand?.label == task.labels[it.image] }
        val (low, high) = wilsonInterval(right.toDouble(), known.size.toDouble())
        val figures =
            json(
                "status" to "ran",
                "reason" to "",
                "sha256" to task.sha256,
                "modes" to TaskMode.values().map { it.word },
                "images" to image.size,
                "hands" to seen.size,
                "accuracy" to
                    json(
                        "value" to if (known.isEmpty()) null else right / known.size.toDouble(),
                        "low" to low,
                        "high" to high,
                        "samples" to known.size,
                    ),
                "max_abs" to json(*differences.toList().toTypedArray()),
                "latency_us" to json("median" to latency.medianUs, "p5" to latency.p5Us, "p95" to latency.p95Us),
                "stream" to null,
                "gates" to gates(judged),
            )
        return TaskResult(figures, judged)
    }

    /** NaN, which breaks every gate, where the reported gesture is none of the head's. */
    private fun difference(answer: TaskAnswer): Double {
        val at = scores.labels.indexOf(answer.hand?.label)
        if (at < 0 || answer.own.any { !it.isFinite() }) return Double.NaN
        return abs((answer.hand?.score ?: Double.NaN) - answer.own[at])
    }

    private fun isTop(answer: TaskAnswer): Boolean {
        val at = scores.labels.indexOf(answer.hand?.label)
        return at >= 0 && answer.own.max() - answer.own[at] <= bound
    }

    private fun same(a: TaskAnswer, b: TaskAnswer): Boolean {
        val (first, second) = (a.hand ?: return b.hand == null) to (b.hand ?: return false)
        return first.label == second.label && abs(first.score - second.score) <= bound
    }

    /** Whether the bundle as it ships says what the head's scores and its threshold lead to expect. */
    private fun asItShips(answer: TaskAnswer, threshold: Double): Boolean {
        val ranked = answer.own.sortedArray()
        val (best, next) = ranked[ranked.size - 1].toDouble() to ranked[ranked.size - 2].toDouble()
        if (abs(best - threshold) <= bound || best - next <= bound) return true // a tie: either answer is right
        val label = scores.labels[answer.own.argmax()]
        val hand = answer.hand ?: return false
        if (label != BACKGROUND && best > threshold) return hand.label == label && abs(hand.score - best) <= bound
        return hand.label in scores.cannedLabels || hand.label == BACKGROUND || hand.label.isEmpty()
    }

    private companion object {
        // MediaPipe knows its background class by this spelling only.
        const val BACKGROUND = "None"
        const val DEFAULT_THRESHOLD = 0.5
        val HEAD_MODES = listOf(TaskMode.IMAGE, TaskMode.VIDEO, TaskMode.LIVE_STREAM)
    }
}
