package signport.parity

import java.io.Closeable

/** How a `.task` is asked: with the custom head alone in each of MediaPipe's running modes, and as an app finds it. */
public enum class TaskMode(internal val word: String) {
    IMAGE("IMAGE"),
    VIDEO("VIDEO"),
    LIVE_STREAM("LIVE_STREAM"),

    /** IMAGE mode with the bundle's own thresholds. */
    AS_IT_SHIPS("as it ships"),
    ;

    /** No threshold and no canned gesture: what is reported is the custom head's best class. */
    public val headAlone: Boolean
        get() = this != AS_IT_SHIPS
}

/**
 * What a recognizer reports of the one hand of an image.
 *
 * @property label The gesture; empty if there was none.
 * @property score Its score.
 * @property landmarks 21 × (x, y, z), image-normalised.
 * @property worldLandmarks 21 × (x, y, z) in metres.
 * @property left Probability of a left hand: the score of the category `Left`, or 1 less that of `Right`.
 */
public class RecognizedHand(
    public val label: String,
    public val score: Double,
    public val landmarks: FloatArray,
    public val worldLandmarks: FloatArray,
    public val left: Double,
)

/** A recognizer in one mode. */
public interface HandRecognizer : Closeable {
    /**
     * Shows it an image.
     *
     * @param image Number of the golden image.
     * @param blank Whether a black image of the same size is shown instead.
     * @param timestampMs Of the frame; rises from call to call, in milliseconds.
     * @return null where it found no hand.
     * @throws RuntimeException It went wrong; the message says how.
     */
    public fun recognize(image: Int, blank: Boolean, timestampMs: Long): RecognizedHand?
}

/** A MediaPipe that takes a `.task`. */
public interface TaskRuntime {
    /** What reports call it. */
    public val runtime: String

    /** Its version. */
    public val version: String

    /** Why it is not here; null where it is. */
    public val missing: String?
        get() = null

    /**
     * Opens a bundle.
     *
     * @throws RuntimeException It was refused; the message says why.
     */
    public fun open(task: TaskFile, mode: TaskMode): HandRecognizer
}

/**
 * A mode's answer to one image.
 *
 * @property image Number of the golden image.
 * @property hand What was reported; null where no hand was found.
 * @property own Scores of the bundle's own embedder and head, asked outside MediaPipe about the same landmarks.
 */
internal class TaskAnswer(val image: Int, val hand: RecognizedHand?, val own: FloatArray)
