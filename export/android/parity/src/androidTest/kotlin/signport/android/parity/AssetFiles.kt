package signport.android.parity

import android.content.res.AssetManager
import signport.parity.ExportFiles
import java.io.FileNotFoundException
import java.io.InputStream

/** An export folder in the assets of an app. */
internal class AssetFiles(private val assets: AssetManager, private val folder: String) : ExportFiles {
    override val name: String
        get() = "assets/$folder"

    override fun open(file: String): InputStream? = try {
        assets.open("$folder/$file")
    } catch (ignored: FileNotFoundException) {
        null
    }
}
