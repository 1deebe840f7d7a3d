package signport.parity

import kotlin.math.abs
import kotlin.math.sqrt

/**
 * One file in one runtime, judged.
 *
 * @property agreement Against the Keras float model; null where there is no answer to compare.
 * @property accuracy Null for embeddings, or without labels.
 * @property mcnemar Whether it is right as often as the float model; null where accuracy is.
 * @property edgeCases Edge case → largest absolute difference from the float model; NaN where an answer is no number.
 * @property againstReference Against what LiteRT answered with the same file at its export: `max_abs`, `top1`,
 *   `sqnr_db`, `steps`, `mean_steps`.
 * @property reason Why it did not run, or what is wrong with its answers.
 * @property gates What it was judged by.
 */
public class FileResult(
    public val answer: Answer,
    public val reason: String,
    public val gates: List<Gate>,
    public val agreement: Agreement? = null,
    public val accuracy: Accuracy? = null,
    public val mcnemar: McNemar? = null,
    public val edgeCases: Map<String, Double> = emptyMap(),
    public val againstReference: Map<String, Double?> = emptyMap(),
) {
    /** Whether every gate holds. */
    public val passed: Boolean
        get() = gates.all { it.passed }
}

/**
 * One runtime, judged.
 *
 * @property answers What it handed back.
 * @property files Format → result.
 */
public class RuntimeResult(public val answers: RuntimeAnswers, public val files: Map<Format, FileResult>) {
    /** Every broken gate in words. */
    public fun broken(target: String): List<String> {
        val where = "$target ${answers.runtime}"
        if (answers.status == Status.FAILED) return listOf("$where: ${answers.reason}")
        val found =
            files.values.flatMap { file -> file.gates.filter { !it.passed }.map { "$where $it${told(file.reason)}" } }
        return found + answers.task?.gates.orEmpty().filter { !it.passed }.map { "$where $it" }
    }

    private fun told(reason: String): String = if (reason.isEmpty()) "" else " ($reason)"
}

/** Judges answers by the family's gates, as signport's `parity/judgement.py` and `export/check.py` do. */
public class Judgement(private val job: Job) {
    private val gates = job.gates

    /** Judges what a runtime handed back. */
    public fun judge(answers: RuntimeAnswers): RuntimeResult =
        RuntimeResult(answers, answers.files.mapValues { (form, answer) -> judge(form, answer) })

    private fun judge(form: Format, answer: Answer): FileResult {
        val output = answer.output
        if (answer.status == Status.SKIPPED) return FileResult(answer, answer.reason, emptyList())
        if (output == null) {
            return FileResult(answer, answer.reason, listOf(Gate.atLeast("${form.word} runs", 0.0, 1.0)))
        }
        val columns = job.golden.output[0].size
        if (output.size != job.golden.samples || output.any { it.size != columns }) {
            val found = "(${output.size}, ${output.firstOrNull()?.size ?: 0})"
            val reason = "answers have shape $found, expected (${job.golden.samples}, $columns)"
            return FileResult(answer, reason, listOf(Gate.none("${form.word} outputs of the wrong shape", 1)))
        }
        val reference = job.real(job.golden.output)
        val found = job.real(output)
        val labels = IntArray(job.real.size) { job.golden.labels[job.real[it]] }
        val agreement = Agreement.of(reference, found, job.kind, job.weights)
        val classified = job.kind == OutputKind.PROBABILITIES && agreement.finite
        val accuracy = if (classified) Accuracy.of(found, labels, job.weights) else null
        val drop = accuracy?.let { Accuracy.of(reference, labels, job.weights)?.value?.minus(it.value) }
        val (edgeCases, edgeGates) = edgeCases(form, output)
        val (against, runtimeGates) =
            if (output.areFinite()) againstReference(form, output) else emptyMap<String, Double?>() to emptyList()
        val file = job.files.first { it.form == form }
        return FileResult(
            answer,
            "",
            judge(form, agreement, drop) + digestGates(file, answer) + edgeGates + runtimeGates,
            agreement,
            accuracy,
            if (classified) McNemar.of(reference, found, labels) else null,
            edgeCases,
            against,
        )
    }

    private fun judge(form: Format, agreement: Agreement, accuracyDrop: Double?): List<Gate> {
        val word = form.word
        if (!agreement.finite) return listOf(Gate.atLeast("$word finite", Double.NaN, 1.0))
        val worst = agreement.maxAbs / job.scale
        val classes = job.kind == OutputKind.PROBABILITIES
        return when (form) {
            Format.FLOAT32 ->
                listOf(Gate.atMost("float32 max abs error", worst, gates.bound("float32_max_abs"))) +
                    listOf(Gate.atLeast("float32 agreement outside ties", agreement.top1Clear, 1.0)).filter { classes }

            Format.FLOAT16 ->
                listOf(Gate.atMost("$word max abs error", worst, gates.bound("float16_max_abs"))) +
                    agreed(form, agreement, "reduced_agreement")

            Format.DYNAMIC ->
                listOf(
                    Gate.atMost(
                        "$word 95th percentile of abs error",
                        agreement.p95Abs / job.scale,
                        gates.bound("dynamic_p95_abs"),
                    ),
                    Gate.atLeast("$word SQNR (dB)", agreement.sqnrDb, gates.bound("dynamic_sqnr_db")),
                ) + agreed(form, agreement, "reduced_agreement")

            Format.INT8,
            Format.INT4,
            ->
                listOf(Gate.atLeast("$word SQNR (dB)", agreement.sqnrDb, gates.bound("${word}_sqnr_db"))) +
                    agreed(form, agreement, "${word}_agreement") +
                    listOfNotNull(accuracyDrop?.let { dropped(form, agreement, it) })
        }
    }

    private fun agreed(form: Format, agreement: Agreement, gate: String): List<Gate> {
        if (job.kind == OutputKind.EMBEDDING) return emptyList()
        return listOf(
            Gate.atLeast("${form.word} agreement", agreement.top1, leastShare(gates.bound(gate), agreement.samples)),
        )
    }

    private fun dropped(form: Format, agreement: Agreement, drop: Double): Gate {
        // Only samples that are answered differently can be lost; their number bounds the drop's standard error.
        val margin = Z * sqrt((1 - agreement.top1) / agreement.samples)
        return Gate.atMost("${form.word} accuracy drop", drop, gates.bound("${form.word}_accuracy_drop") + margin)
    }

    private fun digestGates(file: ModelFile, answer: Answer): List<Gate> = if (answer.sha256.isEmpty()) {
        emptyList()
    } else {
        listOf(Gate.none("${file.form.word} read from another file", if (answer.sha256 == file.sha256) 0 else 1))
    }

    private fun edgeCases(form: Format, output: Array<FloatArray>): Pair<Map<String, Double>, List<Gate>> {
        val odd = job.golden.edge.indices.filter { job.golden.edge[it].isNotEmpty() }
        if (odd.isEmpty()) return emptyMap<String, Double>() to emptyList()
        val worst = odd.associate { row ->
            val errors = output[row].indices.map { abs(output[row][it].toDouble() - job.golden.output[row][it]) }
            job.golden.edge[row] to if (errors.all { it.isFinite() }) errors.max() else Double.NaN
        }
        val found =
            mutableListOf(
                Gate.none("${form.word} edge cases answered with NaN or infinity", worst.values.count { it.isNaN() }),
            )
        if (form == Format.FLOAT32 && worst.values.none { it.isNaN() }) {
            found +=
                Gate.atMost(
                    "float32 edge cases max abs error",
                    worst.values.max() / job.scale,
                    gates.bound("float32_max_abs"),
                )
        }
        return worst to found
    }

    /**
     * Against LiteRT's answers at the export, with the same file. Edge cases count in `max_abs`; in steps they don't:
     * coordinates a million times too large fill an int8 tensor's end values, and one rounding there moves all behind
     * it.
     */
    private fun againstReference(form: Format, output: Array<FloatArray>): Pair<Map<String, Double?>, List<Gate>> {
        val expected = job.golden.answers.getValue(form.word)
        val word = form.word
        if (expected[0].size != output[0].size || !expected.areFinite()) {
            return emptyMap<String, Double?>() to
                listOf(Gate.atLeast("$word answers at the export that can be compared with", 0.0, 1.0))
        }
        val maxAbs =
            output.indices.maxOf { row ->
                output[row].indices.maxOf { abs(expected[row][it].toDouble() - output[row][it]) }
            }
        val (reference, answer) = job.real(expected) to job.real(output)
        val agreement = Agreement.of(reference, answer, job.kind, job.weights)
        val figures =
            linkedMapOf<String, Double?>(
                "max_abs" to maxAbs,
                "top1" to agreement.top1,
                "sqnr_db" to agreement.sqnrDb,
                "steps" to null,
                "mean_steps" to null,
            )
        val found = mutableListOf<Gate>()
        when {
            form == Format.FLOAT32 || form == Format.FLOAT16 ->
                found +=
                    Gate.atMost(
                        "$word max abs difference from ai-edge-litert",
                        maxAbs / job.scale,
                        gates.bound("runtime_float32_max_abs"),
                    )

            !form.quantized ->
                found +=
                    Gate.atLeast(
                        "$word SQNR to ai-edge-litert (dB)",
                        agreement.sqnrDb,
                        gates.bound("runtime_dynamic_sqnr_db"),
                    )

            else -> {
                if (job.kind == OutputKind.PROBABILITIES) {
                    val least = leastShare(gates.bound("runtime_int8_agreement"), agreement.samples)
                    found += Gate.atLeast("$word agreement with ai-edge-litert", agreement.top1, least)
                }
                job.files
                    .first { it.form == form }
                    .tflite
                    .outputStep
                    ?.let { step ->
                        val steps = stepsApart(reference, answer, step, job.kind)
                        val moved = meanSteps(reference, answer, step, job.kind)
                        figures["steps"] = steps
                        figures["mean_steps"] = moved
                        found +=
                            Gate.atMost("$word steps from ai-edge-litert", steps, gates.bound("runtime_int8_steps"))
                        found +=
                            Gate.atMost(
                                "$word mean steps from ai-edge-litert",
                                moved,
                                gates.bound("runtime_int8_mean_steps"),
                            )
                    }
            }
        }
        return figures to found
    }

    private companion object {
        const val Z = 1.96
    }
}
