package signport.android.parity

import android.content.Context
import signport.parity.HandRecognizer
import signport.parity.TaskFile
import signport.parity.TaskMode
import signport.parity.TaskRuntime

/**
 * Stands in for the file of that name in `parity/src/mediapipe`, whose classes are on no registry that this build
 * reaches.
 */
internal class MediaPipeTask(@Suppress("unused") private val context: Context) : TaskRuntime {
    override val runtime: String
        get() = "mediapipe tasks-vision"

    override val version: String
        get() = ""

    override fun open(task: TaskFile, mode: TaskMode): HandRecognizer =
        throw UnsupportedOperationException("compiled here, not run")
}
