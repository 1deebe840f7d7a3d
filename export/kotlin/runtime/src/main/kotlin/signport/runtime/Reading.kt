package signport.runtime

import java.io.File
import java.io.IOException
import java.io.InputStream

/** All bytes of a stream. */
internal fun readAll(stream: InputStream, name: String): ByteArray = try {
    stream.readBytes()
} catch (error: IOException) {
    throw SignportException("$name: cannot be read (${error.message})", error)
}

/** All bytes of a file. */
internal fun readAll(file: File): ByteArray {
    if (!file.isFile) throw SignportException("${file.path}: no such file")
    return try {
        file.readBytes()
    } catch (error: IOException) {
        throw SignportException("${file.path}: cannot be read (${error.message})", error)
    }
}

/** All bytes of a resource of [loader], else of the current thread's loader, else of this library's. */
internal fun readResource(path: String, loader: ClassLoader?): ByteArray {
    val from = loader ?: Thread.currentThread().contextClassLoader ?: SignportModel::class.java.classLoader
    val stream = from?.getResourceAsStream(path.removePrefix("/"))
        ?: throw SignportException("$path: no such resource; put it there with `signport embed`")
    return stream.use { readAll(it, path) }
}
