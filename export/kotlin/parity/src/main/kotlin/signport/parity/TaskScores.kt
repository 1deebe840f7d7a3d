package signport.parity

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import signport.runtime.SignportException
import java.io.Closeable
import java.nio.ByteBuffer

/**
 * What a bundle's own models say to a hand, outside MediaPipe: what its gesture scores are held against.
 *
 * @property labels The custom head's labels, in the order of its scores.
 * @property cannedLabels The canned head's labels.
 * @property step Scale of the custom head's int8 logits; null for a float head.
 */
internal class TaskScores
private constructor(
    private val embedder: LoadedModel,
    private val head: LoadedModel,
    private val sizes: List<Pair<Int, Int>>,
    headFile: TfliteFile,
    val cannedLabels: List<String>,
) : Closeable {
    val labels: List<String> = headFile.labels
    val step: Double? = headFile.outputStep

    /** The head's scores (classes,) to the landmarks and the handedness of a hand in a golden image. */
    fun scores(image: Int, hand: RecognizedHand): FloatArray {
        embedder.feed(0, matrix(hand.landmarks, sizes[image]), 0)
        // MediaPipe's C++ feeds the category at index 0, which its APIs call `Right`.
        embedder.feed(1, floatArrayOf((1 - hand.left).toFloat()), 0)
        embedder.feed(2, matrix(hand.worldLandmarks, null), 0)
        embedder.invoke()
        head.feed(0, embedder.output(), 0)
        head.invoke()
        return head.output().copyOf()
    }

    override fun close() {
        embedder.close()
        head.close()
    }

    companion object {
        private const val RECOGNIZER = "hand_gesture_recognizer.task"
        private const val EMBEDDER = "gesture_embedder.tflite"
        private const val CUSTOM = "custom_gesture_classifier.tflite"
        private const val POINTS = 21
        private const val EMBEDDING = 128
        private const val EPSILON = 1e-5f
        private const val PNG_WIDTH_AT = 16
        private const val PNG_HEIGHT_AT = 20

        /**
         * Loads the bundle's embedder and custom head.
         *
         * @throws SignportException The bundle is damaged or has no custom head.
         */
        fun of(task: TaskFile, evaluator: Evaluator): TaskScores {
            val nested =
                Archive.entries(task.content, task.name)[RECOGNIZER]
                    ?: throw SignportException("${task.name}: holds no $RECOGNIZER; $BUNDLE_AGAIN")
            val models = Archive.entries(nested, "${task.name}: $RECOGNIZER")
            fun model(name: String) =
                models[name] ?: throw SignportException("${task.name}: holds no $name; $BUNDLE_AGAIN")
            val (embedder, head) = model(EMBEDDER) to model(CUSTOM)
            val (embedderFile, headFile) = TfliteFile.read(embedder, EMBEDDER) to TfliteFile.read(head, CUSTOM)
            if (embedderFile.inputs.size != EMBEDDER_INPUTS || headFile.inputs.size != 1) {
                throw SignportException(
                    "${task.name}: its embedder or its head has other inputs than MediaPipe feeds; $BUNDLE_AGAIN",
                )
            }
            val shapes = listOf(listOf(1, POINTS, 3), listOf(1, 1), listOf(1, POINTS, 3))
            val canned =
                (task.card["canned_labels"] as? JsonArray)
                    ?.mapNotNull { (it as? JsonPrimitive)?.contentOrNull }
                    .orEmpty()
            val loaded = evaluator.load(embedder, EMBEDDER, embedderFile.inputs.zip(shapes).toMap())
            val loadedHead = evaluator.load(head, CUSTOM, mapOf(headFile.inputs[0] to listOf(1, EMBEDDING)))
            return TaskScores(loaded, loadedHead, task.images.map(::size), headFile, canned)
        }

        private fun size(png: ByteArray): Pair<Int, Int> {
            if (png.size < PNG_HEIGHT_AT + Int.SIZE_BYTES) {
                throw SignportException("$IMAGES_FILE: an image is no PNG; $AGAIN")
            }
            val header = ByteBuffer.wrap(png)
            return header.getInt(PNG_WIDTH_AT) to header.getInt(PNG_HEIGHT_AT)
        }

        /**
         * What MediaPipe's gesture recognizer feeds to its embedder (`landmarks_to_matrix_calculator.cc`): the longer
         * side of an image is 1, the wrist the origin, all divided by the longer side of the hand's x-y box.
         */
        fun matrix(points: FloatArray, size: Pair<Int, Int>?): FloatArray {
            val longer = size?.let { maxOf(it.first, it.second).toFloat() } ?: 1f
            val aspect = floatArrayOf(size?.let { it.first / longer } ?: 1f, size?.let { it.second / longer } ?: 1f, 1f)
            val found =
                FloatArray(points.size) {
                    val moved = points[it] * aspect[it % 3] - points[it % 3] * aspect[it % 3]
                    if (moved.isNaN()) 0f else moved
                }
            val spans =
                (0..1).map { axis ->
                    (axis until found.size step 3).let { at -> at.maxOf { found[it] } - at.minOf { found[it] } }
                }
            val extent = maxOf(spans[0], spans[1]) + EPSILON
            for (at in found.indices) found[at] /= extent
            return found
        }

        private const val EMBEDDER_INPUTS = 3
        private const val BUNDLE_AGAIN = "run `signport bundle` again"
    }
}
