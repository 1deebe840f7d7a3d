package signport.parity

import signport.runtime.SignportException
import java.io.File
import java.io.IOException
import java.nio.BufferUnderflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * The inputs of all samples, as `signport parity` hands them to a runner outside Python.
 *
 * The format is that of `export/android/runner/job.h`: little-endian, without padding; `SPJ1`, samples, inputs; for
 * each input the length of its name, the name, its rank and that many sizes, the batch of 1 included; then float32
 * values, one input after another.
 */
internal class JobFile private constructor(val samples: Int, val inputs: Map<String, GoldenInput>) {
    internal companion object {
        private const val MAGIC = "SPJ1"
        private const val MOST_INPUTS = 16
        private const val MOST_NAME = 127
        private const val MOST_RANK = 8
        private const val MOST_SIZE = 1 shl 24
        private const val MOST_ELEMENTS = 1L shl 28

        /** @throws SignportException It is missing, damaged, or longer than it says. */
        fun read(file: File): JobFile {
            val content =
                try {
                    ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
                } catch (error: IOException) {
                    throw SignportException("$file: cannot be opened (${error.message})", error)
                }
            try {
                return Reader(file, content).job()
            } catch (error: BufferUnderflowException) {
                throw SignportException("$file: ends too early", error)
            }
        }
    }

    private class Reader(private val file: File, private val content: ByteBuffer) {
        fun job(): JobFile {
            if (text(MAGIC.length) != MAGIC) throw SignportException("$file: not a job of this runner")
            val samples = number("the number of samples", 1, MOST_SIZE)
            val shapes = LinkedHashMap<String, List<Int>>()
            repeat(number("the number of inputs", 1, MOST_INPUTS)) {
                val name = text(number("the length of a name", 1, MOST_NAME))
                if (shapes.put(name, shape(name)) != null) throw SignportException("$file: input $name is there twice")
            }
            val inputs = shapes.mapValues { (_, shape) ->
                val count = shape.fold(1) { product, size -> product * size } * samples.toLong()
                if (count * Float.SIZE_BYTES > content.remaining()) throw SignportException("$file: ends too early")
                GoldenInput(shape, FloatArray(count.toInt()) { content.getFloat() })
            }
            if (content.hasRemaining()) throw SignportException("$file: longer than it says")
            return JobFile(samples, inputs)
        }

        private fun shape(name: String): List<Int> {
            val shape = List(number("a rank", 1, MOST_RANK)) { number("a dimension", 1, MOST_SIZE) }
            val elements = shape.fold(1L) { product, size -> minOf(product * size, MOST_ELEMENTS + 1) }
            if (elements > MOST_ELEMENTS) throw SignportException("$file: input $name is too large")
            return shape
        }

        private fun number(what: String, least: Int, most: Int): Int {
            val value = content.getInt()
            if (value !in least..most) {
                throw SignportException("$file: $what is ${value.toUInt()}, expected $least to $most")
            }
            return value
        }

        private fun text(length: Int): String = String(ByteArray(length).also { content.get(it) }, Charsets.UTF_8)
    }
}
