@file:OptIn(SignportInternal::class)

package signport.runtime

import java.io.File
import java.io.InputStream

/**
 * A gesture of one hand.
 *
 * @property label The class name, `None` where the hand makes no gesture that the bundle knows.
 * @property score Its probability, 0 to 1.
 * @property custom Whether the custom classifier said it, rather than MediaPipe's canned one.
 */
public data class Gesture(public val label: String, public val score: Float, public val custom: Boolean)

/**
 * The gesture models of a MediaPipe bundle (`gesture_recognizer.task`), evaluated without MediaPipe, on landmarks that
 * the app has already.
 *
 * Embedder, custom and canned classifier are asked as MediaPipe's `hand_gesture_recognizer_graph.cc` does: the custom
 * classifier first, then the canned one, classes below a file's own score threshold being left out. The models that
 * find hands in images stay unread. Safe to be used by several threads at once.
 */
public class GestureTask private constructor(
    private val embedder: SignportModel,
    private val custom: SignportModel?,
    private val canned: SignportModel,
) {
    /** Classes of the custom classifier; empty where the bundle has none. */
    public val labels: List<String> = custom?.labels.orEmpty()

    /** Classes of the canned classifier. */
    public val cannedLabels: List<String> = canned.labels

    private val sessions = Pool { Sessions() }

    /**
     * Names the gesture of one hand.
     *
     * @param hand Its image landmarks (21, 3), row-major, x and y in image widths and heights, as MediaPipe gives them.
     * @param world Its world landmarks (21, 3), in metres.
     * @param left Probability that it is a left hand as the Tasks API labels it, 0 to 1: the score of the category
     *     `Left`, or 1 minus the score of `Right`.
     * @param imageWidth In pixels.
     * @param imageHeight In pixels.
     * @return What MediaPipe would report; null where all classes are below their thresholds and it reports nothing.
     * @throws SignportException Another number of landmarks.
     */
    public fun recognize(
        hand: FloatArray,
        world: FloatArray,
        left: Float,
        imageWidth: Int,
        imageHeight: Int,
    ): Gesture? = sessions.use { it.recognize(hand, world, left, imageWidth, imageHeight) }

    private inner class Sessions {
        private val embedding = embedder.newSession()
        private val classifiers = listOfNotNull(custom, canned)
        private val classifying = classifiers.map { it.newSession() }

        fun recognize(hand: FloatArray, world: FloatArray, left: Float, width: Int, height: Int): Gesture? {
            val longer = maxOf(width, height).toFloat()
            if (width < 1 || height < 1) throw SignportException("image of $width × $height pixels; give its size")
            normalize(hand, width / longer, height / longer, embedding.input(HAND))
            // Measured: MediaPipe feeds the probability of the other hand; see `signport.landmarks.features`.
            embedding.input(HANDEDNESS)[0] = 1f - left
            normalize(world, 1f, 1f, embedding.input(WORLD))
            embedding.run()
            var first: Gesture? = null
            for (index in classifying.indices) {
                val found = classifying[index].classify(embedding.output())
                if (found.score < (classifiers[index].metadata.scoreThreshold ?: 0f)) continue
                val gesture = Gesture(found.label, found.score, classifiers[index] === custom)
                if (gesture.label != BACKGROUND) return gesture
                first = first ?: gesture
            }
            return first
        }
    }

    public companion object {
        private const val HAND = 0
        private const val HANDEDNESS = 1
        private const val WORLD = 2
        private const val POINTS = 21
        private const val EPSILON = 1e-5f
        private const val RECOGNIZER = "hand_gesture_recognizer.task"
        private const val EMBEDDER = "gesture_embedder.tflite"
        private const val CUSTOM = "custom_gesture_classifier.tflite"
        private const val CANNED = "canned_gesture_classifier.tflite"

        /**
         * Reads a bundle from bytes.
         *
         * @param content A whole `gesture_recognizer.task`.
         * @param name What it is called in messages.
         * @throws SignportException It is no gesture bundle, or a model has an operator that is not evaluated here.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromBytes(content: ByteArray, name: String = "task"): GestureTask {
            val inner = entry(archive(content, name), RECOGNIZER, name)
            val parts = archive(inner, "$name: $RECOGNIZER")
            val custom = if (CUSTOM in parts.names) classifier(parts, CUSTOM, name) else null
            val embedder = SignportModel.fromBytes(entry(parts, EMBEDDER, name), "$name: $EMBEDDER")
            val sizes = embedder.inputs.map { it.elements }
            if (sizes != listOf(POINTS * COORDINATES, 1, POINTS * COORDINATES)) {
                throw SignportException("$embedder; an embedder takes a hand, its handedness and its world landmarks")
            }
            return GestureTask(embedder, custom, classifier(parts, CANNED, name))
        }

        /**
         * Reads a bundle from a stream, to its end; the caller closes it. On Android: `fromStream(assets.open(…))`.
         *
         * @throws SignportException As [fromBytes], or the stream ends in an error.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromStream(stream: InputStream, name: String = "task"): GestureTask =
            fromBytes(readAll(stream, name), name)

        /**
         * Reads a bundle from a file.
         *
         * @throws SignportException As [fromBytes], or there is no such file.
         */
        @JvmStatic
        public fun fromFile(file: File): GestureTask = fromBytes(readAll(file), file.path)

        /**
         * Reads a bundle from the app's resources: `fromResource("models/gesture_recognizer.task")`.
         *
         * @param path From the root of the class path.
         * @param loader Whose resources; the current thread's, else this library's.
         * @throws SignportException As [fromBytes], or there is no such resource.
         */
        @JvmStatic
        @JvmOverloads
        public fun fromResource(path: String, loader: ClassLoader? = null): GestureTask =
            fromBytes(readResource(path, loader), path)

        private fun archive(content: ByteArray, name: String): ZipArchive = try {
            ZipArchive.of(content) ?: throw SignportException("not a .task bundle (no zip archive)")
        } catch (error: SignportException) {
            throw SignportException("$name: ${error.message}", error)
        }

        private fun entry(archive: ZipArchive, entry: String, name: String): ByteArray =
            archive.read(entry) ?: throw SignportException("$name: no gesture bundle: it lacks $entry")

        private fun classifier(parts: ZipArchive, entry: String, name: String): SignportModel =
            SignportModel.fromBytes(entry(parts, entry, name), "$name: $entry")

        /**
         * Wrist to the origin, and the longer side of the hand's box to 1, as MediaPipe's
         * `landmarks_to_matrix_calculator.cc` does.
         */
        private fun normalize(points: FloatArray, width: Float, height: Float, into: FloatArray) {
            if (points.size != into.size) {
                throw SignportException("a hand of ${points.size} numbers; it has ${into.size}, x y z of $POINTS")
            }
            for (index in points.indices) {
                val axis = index % COORDINATES
                val factor = if (axis == 0) {
                    width
                } else if (axis == 1) {
                    height
                } else {
                    1f
                }
                val centred = points[index] * factor - points[axis] * factor
                into[index] = if (centred.isNaN()) 0f else centred
            }
            val extent = maxOf(extent(into, 0), extent(into, 1)) + EPSILON
            for (index in into.indices) into[index] /= extent
        }

        private fun extent(points: FloatArray, axis: Int): Float {
            var least = points[axis]
            var most = points[axis]
            for (index in axis until points.size step COORDINATES) {
                least = minOf(least, points[index])
                most = maxOf(most, points[index])
            }
            return most - least
        }
    }
}
