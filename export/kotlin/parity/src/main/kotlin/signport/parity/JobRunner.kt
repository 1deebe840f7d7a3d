package signport.parity

/** Runs the files of a job in a runtime. */
public class JobRunner(private val job: Job, private val measure: Measure = Measure()) {
    /** Every file's answers and times, one after another. What goes wrong is an answer, too. */
    public fun run(evaluator: Evaluator): RuntimeAnswers {
        fun answers(status: Status, reason: String, files: Map<Format, Answer>) = RuntimeAnswers(
            evaluator.runtime,
            status,
            reason,
            evaluator.version,
            evaluator.device,
            files,
            peakMemoryBytes = if (files.isEmpty()) null else peakMemoryBytes(),
        )
        evaluator.missing?.let {
            return answers(Status.SKIPPED, it, emptyMap())
        }
        val files = job.files.associate { it.form to answer(evaluator, it) }
        if (files.values.all { it.status == Status.SKIPPED }) {
            return answers(Status.SKIPPED, "it takes none of these files: ${files.values.first().reason}", files)
        }
        return answers(Status.RAN, "", files)
    }

    private fun answer(evaluator: Evaluator, file: ModelFile): Answer = try {
        val start = System.nanoTime()
        val shapes = job.inputs.associateWith { job.golden.inputs.getValue(it).shape }
        evaluator.load(file.content, file.name, shapes).use { loaded ->
            val loadMs = (System.nanoTime() - start) / 1e6
            val samples = Samples(loaded, job.inputs.map { job.golden.inputs.getValue(it) }, job.golden.samples)
            val output = samples.answers()
            val times = samples.times(measure)
            val latency = if (times.isEmpty()) null else Latency.of(times)
            Answer(Status.RAN, "", output, loadMs, latency, file.sha256, loaded.delegated)
        }
    } catch (error: NotTakenException) {
        Answer(Status.SKIPPED, error.line(), sha256 = file.sha256)
    } catch (error: RuntimeException) {
        Answer(Status.FAILED, error.line(), sha256 = file.sha256)
    }
}

internal fun Throwable.line(): String =
    message?.trim()?.lineSequence()?.firstOrNull()?.ifEmpty { null } ?: javaClass.simpleName

/** A loaded file and the samples that it is asked about. */
internal class Samples(private val model: LoadedModel, private val inputs: List<GoldenInput>, private val count: Int) {
    /** (samples, outputs). */
    fun answers(): Array<FloatArray> = Array(count) { sample ->
        feed(sample)
        model.invoke()
        model.output().copyOf()
    }

    /**
     * Microseconds of calls of the model alone, over the samples in turn.
     *
     * Ends after [Measure.repeats] calls, or once [Measure.seconds] are over and 10 calls are done; the warm-up before
     * it after [Measure.warmUp] calls, or a fifth of that time and 3: as every other target measures.
     */
    fun times(measure: Measure): DoubleArray {
        if (measure.repeats == 0) return DoubleArray(0)
        calls(measure.warmUp, measure.seconds * WARM_UP_SHARE, LEAST_WARM_UP)
        return calls(measure.repeats, measure.seconds, LEAST_REPEATS)
    }

    private fun calls(wanted: Int, seconds: Double, least: Int): DoubleArray {
        val times = DoubleArray(wanted)
        val end = System.nanoTime() + (1e9 * seconds).toLong()
        var done = 0
        while (done < wanted && !(done >= least && System.nanoTime() > end)) {
            feed(done % count)
            val start = System.nanoTime()
            model.invoke()
            times[done++] = (System.nanoTime() - start) / 1e3
        }
        return times.copyOf(done)
    }

    private fun feed(sample: Int) {
        for (index in inputs.indices) model.feed(index, inputs[index].values, sample * inputs[index].elements)
    }

    private companion object {
        const val WARM_UP_SHARE = 0.2
        const val LEAST_WARM_UP = 3
        const val LEAST_REPEATS = 10
    }
}
