package signport.parity

import signport.runtime.SignportException
import signport.runtime.SignportModel

/** signport's own runtime, in Kotlin, as one more runtime of a report. */
public class SignportEvaluator : Evaluator {
    override val runtime: String
        get() = "signport-runtime"

    override val version: String
        get() = SignportEvaluator::class.java.getPackage()?.implementationVersion.orEmpty()

    override fun load(content: ByteArray, name: String, inputs: Map<String, List<Int>>): LoadedModel {
        val model =
            try {
                SignportModel.fromBytes(content, name)
            } catch (error: SignportException) {
                throw NotTakenException(error.message.orEmpty(), error)
            }
        val found = TfliteFile.read(content, name).inputs
        if (found.sorted() != inputs.keys.sorted()) {
            throw SignportException(
                "$name: its inputs are ${found.joinToString()}, expected ${inputs.keys.joinToString()}; $AGAIN",
            )
        }
        val session = model.newSession()
        val arrays = inputs.map { (input, shape) ->
            session.input(found.indexOf(input)).also {
                if (it.size != shape.fold(1) { product, size -> product * size }) {
                    throw SignportException(
                        "$name: input $input takes ${it.size} values, expected shape $shape; $AGAIN",
                    )
                }
            }
        }
        return object : LoadedModel {
            private val output = session.output()

            // Nothing but this code evaluates it.
            override val delegated: Double
                get() = 0.0

            override fun feed(input: Int, values: FloatArray, offset: Int) {
                val array = arrays[input]
                System.arraycopy(values, offset, array, 0, array.size)
            }

            override fun invoke() = session.run()

            override fun output(): FloatArray = output

            override fun close() = Unit
        }
    }
}
