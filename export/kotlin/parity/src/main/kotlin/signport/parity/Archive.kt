@file:OptIn(SignportInternal::class)

package signport.parity

import signport.runtime.SignportException
import signport.runtime.SignportInternal
import signport.runtime.ZipArchive
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream

/** The files of an export, and what is packed into them. */
internal object Archive {
    private const val BLOCK = 1 shl 16
    private const val MOST_BYTES = 256L shl 20

    /**
     * Reads a stream to its end.
     *
     * @throws SignportException It cannot be read, or is longer than any file of an export.
     */
    fun content(stream: InputStream, name: String): ByteArray {
        val found = ByteArrayOutputStream()
        val block = ByteArray(BLOCK)
        try {
            while (true) {
                val count = stream.read(block)
                if (count < 0) return found.toByteArray()
                found.write(block, 0, count)
                if (found.size() > MOST_BYTES) {
                    throw SignportException("$name: longer than $MOST_BYTES bytes; no file of an export is")
                }
            }
        } catch (error: IOException) {
            throw SignportException("$name: cannot be read (${error.message})", error)
        }
    }

    /**
     * Every entry by its name, in the archive's order. The archive may follow other content, as in a `.tflite`.
     *
     * @throws SignportException No zip archive, a damaged one, or one that unpacks to more than any file of an export.
     */
    fun entries(content: ByteArray, name: String): Map<String, ByteArray> =
        entriesOrNull(content, name) ?: throw SignportException("$name: no zip archive; export or bundle again")

    /** As [entries]; null where the content ends in no archive. */
    fun entriesOrNull(content: ByteArray, name: String): Map<String, ByteArray>? = try {
        ZipArchive.of(content)?.let { archive -> archive.names.associateWith { checkNotNull(archive.read(it)) } }
    } catch (error: SignportException) {
        throw SignportException("$name: ${error.message}", error)
    }
}
