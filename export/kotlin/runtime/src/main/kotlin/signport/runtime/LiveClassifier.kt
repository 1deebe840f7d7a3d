package signport.runtime

/**
 * A sign that was recognized in live frames.
 *
 * @property label The class name.
 * @property index Its place among the model's outputs.
 * @property score Its smoothed probability, 0 to 1.
 * @property frame Number of the pushed frame that decided it, counted from 0.
 */
public data class LiveAnswer(
    public val label: String,
    public val index: Int,
    public val score: Float,
    public val frame: Long,
)

/**
 * Recognizes signs in live frames: a label when it is sure, and nothing otherwise.
 *
 * Takes models of single frames (points, 3) and of clips (frames, points, 3). A class whose smoothed probability
 * reaches [LiveSettings.threshold] and is the best for [LiveSettings.hold] answers of the model in a row becomes the
 * label. It stays the label until another class has done the same, its own score falls under half the threshold, or the
 * hands have left the window. The class `None` is nobody's label. The same frames give the same labels as
 * `signport.Stream` gives in Python.
 *
 * Unlike `LIVE_STREAM` of MediaPipe's recognizer it has no threads, no queue and no timestamps: [push] does the work on
 * the caller's thread and returns the answer to this very frame. No frame is dropped, none overtakes another, and there
 * is no native code that can take the app down. Where frames come faster than the model answers, drop them before
 * [push], or set [LiveSettings.stride].
 *
 * Belongs to one thread at a time. [push] takes no memory but for the answer that it returns.
 *
 * Example:
 * ```
 * val live = LiveClassifier(model, LiveSettings(threshold = 0.7f))
 * camera.forEachFrame { landmarks -> live.push(landmarks)?.let { show(it.label) } }
 * ```
 */
public class LiveClassifier internal constructor(private val source: Source, private val settings: LiveSettings) {
    /** Where scores come from; for tests, something else than a model. */
    internal interface Source {
        val labels: List<String>
        val frames: Int
        val points: Int

        /** Scores (classes) of what a window holds; the array may be the same at every call. */
        fun scores(window: SlidingWindow): FloatArray
    }

    private val window: SlidingWindow
    private val leastHands: Int
    private val smoothed = FloatArray(source.labels.size)
    private val background = source.labels.indexOf(BACKGROUND)
    private var averaged = false
    private var pushed = 0L
    private var current = NONE
    private var candidate = NONE
    private var inARow = 0

    init {
        val frames = settings.framesOf(source.frames)
        window = SlidingWindow(frames, source.points, settings.stride)
        leastHands = settings.minFramesOf(frames)
    }

    /**
     * Prepares for a model; it has a session of its own.
     *
     * @throws SignportException The model does not turn landmarks into scores of named classes, or a setting does not
     *     fit it.
     */
    @JvmOverloads
    public constructor(model: SignportModel, settings: LiveSettings = LiveSettings()) :
        this(ModelSource(model), settings)

    /** The class names, in the order of [scores]. */
    public val labels: List<String> get() = source.labels

    /** The label that holds at the moment; null where there is none. */
    public val label: String? get() = if (current == NONE) null else source.labels[current]

    /** The smoothed probabilities (classes), overwritten by [push]; null where there are none yet or no hands. */
    public val scores: FloatArray? get() = if (averaged) smoothed else null

    /**
     * Takes the next frame.
     *
     * @param landmarks (points, 3), row-major, x y z as MediaPipe gives them, NaN where missing; null where nothing was
     *     found. It is copied. [Topology.frame] puts one together from pose, hands and face.
     * @return A new label; null while there is none, or it is the one that was given already.
     * @throws SignportException A frame of another size; the classifier is as it was before.
     */
    public fun push(landmarks: FloatArray?): LiveAnswer? {
        val number = pushed
        var due = false
        val times = Math.ceil((number + 1) * settings.speed).toLong() - Math.ceil(number * settings.speed).toLong()
        for (time in 0L until times) due = window.push(landmarks) || due
        if (times == 0L) window.requireSize(landmarks)
        pushed = number + 1
        return if (due) answer(number) else null
    }

    /** Forgets all frames and answers: the next frame is the first. */
    public fun reset() {
        window.clear()
        pushed = 0L
        inARow = 0
        forget()
    }

    private fun answer(number: Long): LiveAnswer? {
        val scores = source.scores(window)
        if (window.handFrames < leastHands) {
            forget()
            return null
        }
        val weight = settings.smoothing
        for (index in smoothed.indices) {
            val earlier = if (averaged) smoothed[index] else scores[index]
            smoothed[index] = weight * earlier + (1f - weight) * scores[index]
        }
        averaged = true
        val fresh = decide()
        if (current == NONE || !(fresh || settings.repeat)) return null
        return LiveAnswer(source.labels[current], current, smoothed[current], number)
    }

    /** Moves the label on; whether it is a new one. */
    private fun decide(): Boolean {
        if (current != NONE && smoothed[current] < RELEASE * settings.threshold) current = NONE
        val best = bestOf(smoothed)
        val confident = smoothed[best] >= settings.threshold
        inARow = if (!confident) {
            0
        } else if (best == candidate) {
            inARow + 1
        } else {
            1
        }
        candidate = if (confident) best else NONE
        if (inARow < settings.hold || best == current) return false
        current = if (best == background) NONE else best
        return current != NONE
    }

    private fun forget() {
        averaged = false
        current = NONE
        candidate = NONE
    }

    private class ModelSource(model: SignportModel) : Source {
        private val session = model.newSession()
        override val labels: List<String> = model.labels
        override val frames: Int
        override val points: Int

        init {
            val input = model.inputs.singleOrNull()?.takeIf { it.axes.last() == "coordinates" && it.shape[0] == 1 }
                ?: throw SignportException(
                    "${model.name}: takes ${model.inputs.joinToString()}; live, a model takes landmarks alone",
                )
            if (labels.isEmpty()) {
                throw SignportException("${model.name}: names no classes; give them with SignportModel.withLabels")
            }
            points = input.shape[input.shape.size - 2]
            frames = if (input.shape.size == SEQUENCE_RANK) input.shape[1] else 1
        }

        override fun scores(window: SlidingWindow): FloatArray {
            window.copyInto(session.input())
            session.run()
            return session.output()
        }
    }

    private companion object {
        const val NONE = -1
        const val RELEASE = 0.5f
        const val SEQUENCE_RANK = 4
    }
}

/** The class of hands that make no sign, as exported files spell it. */
internal const val BACKGROUND: String = "None"
