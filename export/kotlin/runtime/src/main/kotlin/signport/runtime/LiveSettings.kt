package signport.runtime

/**
 * When a [LiveClassifier] is sure. The defaults are those of `signport stream`.
 *
 * @property threshold Least smoothed probability of a label, 0 to 1. A label that was given stays until its score falls
 *     below half of it.
 * @property smoothing Weight of the earlier answers in the smoothed probabilities, 0 (none) to 0.99.
 * @property hold How many answers of the model in a row must name a class before it becomes the label.
 * @property stride The model answers at every so-many-th frame.
 * @property frames How many of the latest frames the model sees; null: as many as it takes. The card's `clip_frames` is
 *     the best choice where it has one: a window much longer than the clips of the training data shows the model what
 *     it has never seen.
 * @property minFrames Least number of frames in the window that show a hand before a label is given; null: an eighth of
 *     the window, rounded up.
 * @property repeat Whether the label is given again at every answer of the model for as long as it holds.
 * @property speed Frames of the model for each frame that is pushed: the card's `frame_rate` divided by the camera's.
 *     Frames are left out or repeated, so that signs keep the speed that the model knows; 1 takes them as they come.
 * @throws SignportException A value out of its range.
 */
public class LiveSettings @JvmOverloads constructor(
    public val threshold: Float = 0.6f,
    public val smoothing: Float = 0.5f,
    public val hold: Int = 3,
    public val stride: Int = 1,
    public val frames: Int? = null,
    public val minFrames: Int? = null,
    public val repeat: Boolean = false,
    public val speed: Double = 1.0,
) {
    init {
        within("threshold", threshold, threshold in 0f..1f, "0 to 1")
        within("smoothing", smoothing, smoothing in 0f..MOST_SMOOTHING, "0 to $MOST_SMOOTHING")
        within("hold", hold, hold >= 1, "1 or more")
        within("stride", stride, stride >= 1, "1 or more")
        within("speed", speed, speed > 0.0 && speed <= MOST_SPEED, "more than 0, to $MOST_SPEED")
    }

    /** [frames] and [minFrames] for a model that takes [length] frames. */
    internal fun framesOf(length: Int): Int {
        val chosen = frames ?: length
        within("frames", chosen, chosen in 1..length, "1 to $length")
        return chosen
    }

    internal fun minFramesOf(window: Int): Int {
        val chosen = minFrames ?: ((window + SIGNING_SHARE - 1) / SIGNING_SHARE)
        within("minFrames", chosen, chosen in 1..window, "1 to $window")
        return chosen
    }

    private fun within(name: String, value: Any, right: Boolean, range: String) {
        if (!right) throw SignportException("live $name $value: give $range")
    }

    private companion object {
        const val MOST_SMOOTHING = 0.99f
        const val MOST_SPEED = 1000.0
        const val SIGNING_SHARE = 8
    }
}
