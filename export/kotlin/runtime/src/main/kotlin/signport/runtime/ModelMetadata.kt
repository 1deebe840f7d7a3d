@file:OptIn(SignportInternal::class)

package signport.runtime

import signport.runtime.graph.FlatTable
import java.nio.ByteBuffer

/**
 * What a `.tflite` says of itself, in TFLite's metadata; every field is empty where the file has none.
 *
 * @property name The model's name: the run that it came from.
 * @property description One sentence.
 * @property version Of the model.
 * @property author Who made it.
 * @property scoreThreshold Classes below it are not reported by MediaPipe, 0 to 1; null where the file sets none.
 */
public class ModelMetadata internal constructor(
    public val name: String,
    public val description: String,
    public val version: String,
    public val author: String,
    public val scoreThreshold: Float?,
) {
    internal companion object {
        private const val BUFFER_NAME = "TFLITE_METADATA"
        private const val THRESHOLDING = 3
        private val NONE = ModelMetadata("", "", "", "", null)

        /**
         * Of a `.tflite` that is known to be one.
         *
         * Numbers of fields are those of TFLite's `schema.fbs` and `metadata_schema.fbs`.
         *
         * @throws SignportException The metadata is damaged.
         */
        fun of(content: ByteArray): ModelMetadata = try {
            val model = FlatTable.root(content)
            val entry = model.tables(6).firstOrNull { it.string(0) == BUFFER_NAME }
            val packed = entry?.let { model.tables(4)[it.int(1)].bytes(0) }
            if (packed == null) NONE else read(FlatTable.root(packed.toArray()))
        } catch (error: IndexOutOfBoundsException) {
            throw SignportException("damaged metadata (${error.message}); copy the file again", error)
        } catch (error: IllegalArgumentException) {
            throw SignportException("damaged metadata (${error.message}); copy the file again", error)
        }

        private fun read(root: FlatTable): ModelMetadata {
            val output = root.tables(3).firstOrNull()?.tables(3)?.firstOrNull()
            val threshold = output?.tables(4)?.firstOrNull { it.byte(0) == THRESHOLDING }?.table(1)?.float(0)
            return ModelMetadata(root.string(0), root.string(1), root.string(2), root.string(4), threshold)
        }

        private fun ByteBuffer.toArray(): ByteArray = ByteArray(remaining()).also { duplicate().get(it) }
    }
}
