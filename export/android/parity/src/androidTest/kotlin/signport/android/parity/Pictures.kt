package signport.android.parity

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import signport.parity.TaskFile

/**
 * A golden image, or a black one of its size.
 *
 * @throws IllegalStateException It is no image that Android reads.
 */
internal fun TaskFile.picture(image: Int, blank: Boolean): Bitmap {
    val content = images[image]
    val shown: Bitmap =
        checkNotNull(BitmapFactory.decodeByteArray(content, 0, content.size)) {
            "golden image $image cannot be decoded"
        }
    return if (blank) Bitmap.createBitmap(shown.width, shown.height, Bitmap.Config.ARGB_8888) else shown
}
