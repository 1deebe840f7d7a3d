package signport.android.parity

import android.content.Context
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.components.processors.ClassifierOptions
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.gesturerecognizer.GestureRecognizer
import com.google.mediapipe.tasks.vision.gesturerecognizer.GestureRecognizerResult
import signport.parity.HandRecognizer
import signport.parity.RecognizedHand
import signport.parity.TaskFile
import signport.parity.TaskMode
import signport.parity.TaskRuntime
import java.nio.ByteBuffer
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/**
 * MediaPipe's gesture recognizer: the one file that only Android Studio compiles, since only Google's Maven has its
 * classes.
 */
internal class MediaPipeTask(private val context: Context) : TaskRuntime {
    override val runtime: String
        get() = "mediapipe tasks-vision"

    override val version: String
        get() = "0.10.29"

    override fun open(task: TaskFile, mode: TaskMode): HandRecognizer {
        val answers = LinkedBlockingQueue<GestureRecognizerResult>()
        val bundle = ByteBuffer.allocateDirect(task.content.size).put(task.content).apply { rewind() }
        val options =
            GestureRecognizer.GestureRecognizerOptions.builder()
                .setBaseOptions(BaseOptions.builder().setModelAssetBuffer(bundle).build())
                // `as it ships` is a way to ask, not a mode of MediaPipe's.
                .setRunningMode(if (mode == TaskMode.AS_IT_SHIPS) RunningMode.IMAGE else RunningMode.valueOf(mode.name))
        if (mode == TaskMode.LIVE_STREAM) options.setResultListener { result, _ -> answers.put(result) }
        if (mode.headAlone) {
            // 0 is taken for no threshold given by some releases, which then go by the file's own.
            val alone = ClassifierOptions.builder().setScoreThreshold(1e-6f)
            options.setCustomGesturesClassifierOptions(alone.build())
            options.setCannedGesturesClassifierOptions(alone.setCategoryAllowlist(listOf("None")).build())
        }
        val recognizer = GestureRecognizer.createFromOptions(context, options.build())
        return object : HandRecognizer {
            override fun recognize(image: Int, blank: Boolean, timestampMs: Long): RecognizedHand? {
                val picture = BitmapImageBuilder(task.picture(image, blank)).build()
                if (mode == TaskMode.VIDEO) return recognizer.recognizeForVideo(picture, timestampMs).hand()
                if (mode != TaskMode.LIVE_STREAM) return recognizer.recognize(picture).hand()
                recognizer.recognizeAsync(picture, timestampMs)
                val answer =
                    checkNotNull(answers.poll(30, TimeUnit.SECONDS)) {
                        "LIVE_STREAM: no answer to the frame at $timestampMs ms"
                    }
                return answer.hand()
            }

            override fun close() = recognizer.close()
        }
    }

    private fun GestureRecognizerResult.hand(): RecognizedHand? {
        if (landmarks().isEmpty()) return null
        val gesture = gestures().firstOrNull()?.firstOrNull()
        val side = handedness()[0][0]
        return RecognizedHand(
            label = gesture?.categoryName().orEmpty(),
            score = gesture?.score()?.toDouble() ?: 0.0,
            landmarks = landmarks()[0].flatMap { listOf(it.x(), it.y(), it.z()) }.toFloatArray(),
            worldLandmarks = worldLandmarks()[0].flatMap { listOf(it.x(), it.y(), it.z()) }.toFloatArray(),
            left = if (side.categoryName() == "Left") side.score().toDouble() else 1.0 - side.score(),
        )
    }
}
