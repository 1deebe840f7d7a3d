package signport.parity

import com.google.flatbuffers.FlatBufferBuilder

/** The smallest `.tflite` that ends as an exported one: int8 → DEQUANTIZE → SOFTMAX, its labels behind it. */
internal object MadeTflite {
    private const val FLOAT32 = 0
    private const val INT8 = 9
    private const val SOFTMAX = 25
    private const val DEQUANTIZE = 6

    fun bytes(scale: Float?, labels: List<String>, inputs: List<String> = listOf("landmarks")): ByteArray {
        val builder = FlatBufferBuilder()
        val names = inputs + listOf("logits", "probabilities")
        val tensors =
            IntArray(names.size) {
                tensor(builder, names[it], if (it == 0) INT8 else FLOAT32, scale.takeIf { _ -> it == 0 })
            }
        val operators =
            intArrayOf(operator(builder, 0, 0, inputs.size), operator(builder, 1, inputs.size, inputs.size + 1))
        val codes =
            intArrayOf(DEQUANTIZE, SOFTMAX).map { table(builder, 4) { addByte(0, it.toByte(), 0) } }.toIntArray()
        val graph = run {
            val fields =
                listOf(
                    vector(builder, tensors),
                    ints(builder, *inputs.indices.toList().toIntArray()),
                    ints(builder, names.size - 1),
                    vector(builder, operators),
                )
            table(builder, 5) { fields.forEachIndexed { number, offset -> addOffset(number, offset, 0) } }
        }
        val (codeVector, graphs) = vector(builder, codes) to vector(builder, intArrayOf(graph))
        val model =
            table(builder, 5) {
                addInt(0, 3, 0)
                addOffset(1, codeVector, 0)
                addOffset(2, graphs, 0)
            }
        builder.finish(model, "TFL3")
        return builder.sizedByteArray() +
            MadeFiles.zip(mapOf("labels.txt" to labels.joinToString("\n", postfix = "\n").toByteArray()))
    }

    private fun tensor(builder: FlatBufferBuilder, name: String, type: Int, scale: Float?): Int {
        val quantization = scale?.let {
            builder.startVector(4, 1, 4)
            builder.addFloat(it)
            val scales = builder.endVector()
            table(builder, 4) { addOffset(2, scales, 0) }
        }
        val text = builder.createString(name)
        return table(builder, 5) {
            addByte(1, type.toByte(), 0)
            addOffset(3, text, 0)
            if (quantization != null) addOffset(4, quantization, 0)
        }
    }

    private fun operator(builder: FlatBufferBuilder, code: Int, input: Int, output: Int): Int {
        val (inputs, outputs) = ints(builder, input) to ints(builder, output)
        return table(builder, 3) {
            addInt(0, code, 0)
            addOffset(1, inputs, 0)
            addOffset(2, outputs, 0)
        }
    }

    private fun table(builder: FlatBufferBuilder, fields: Int, fill: FlatBufferBuilder.() -> Unit): Int {
        builder.startTable(fields)
        builder.fill()
        return builder.endTable()
    }

    private fun vector(builder: FlatBufferBuilder, offsets: IntArray): Int = builder.createVectorOfTables(offsets)

    private fun ints(builder: FlatBufferBuilder, vararg values: Int): Int {
        builder.startVector(4, values.size, 4)
        for (value in values.reversed()) builder.addInt(value)
        return builder.endVector()
    }
}
