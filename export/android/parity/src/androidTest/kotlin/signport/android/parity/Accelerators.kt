package signport.android.parity

import android.os.Build
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate
import org.tensorflow.lite.gpu.GpuDelegateFactory
import org.tensorflow.lite.nnapi.NnApiDelegate

/** LiteRT on everything that this device has. */
internal object Accelerators {
    private const val FIRST_NNAPI = 27

    fun all(): List<LiteRtEvaluator> = listOf(LiteRtEvaluator("litert", "CPU, XNNPACK"), gpu(), nnapi())

    private fun gpu(): LiteRtEvaluator {
        val supported =
            try {
                CompatibilityList().use { it.isDelegateSupportedOnThisDevice }
            } catch (error: LinkageError) {
                return LiteRtEvaluator(
                    GPU,
                    "GPU",
                    missing = "litert-gpu's library cannot be loaded here (${error.message})",
                )
            }
        if (!supported) {
            return LiteRtEvaluator(GPU, "GPU", missing = "this device's GPU is not on LiteRT's list of those that work")
        }
        return LiteRtEvaluator(GPU, "GPU, float32") {
            // By default it computes in float16, which no gate of float32 files allows for.
            GpuDelegate(GpuDelegateFactory.Options().setPrecisionLossAllowed(false))
        }
    }

    private fun nnapi(): LiteRtEvaluator {
        if (Build.VERSION.SDK_INT < FIRST_NNAPI) {
            return LiteRtEvaluator(
                NNAPI,
                "NNAPI",
                missing = "Android ${Build.VERSION.RELEASE} has no NNAPI; it came with 8.1",
            )
        }
        return LiteRtEvaluator(NNAPI, "NNAPI") { NnApiDelegate() }
    }

    private const val GPU = "litert, GPU"
    private const val NNAPI = "litert, NNAPI"
}
