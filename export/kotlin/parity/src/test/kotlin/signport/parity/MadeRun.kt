package signport.parity

import java.io.File
import kotlin.math.exp

/** An exported run of four classes that tests make, and runtimes that answer it as a test wants. */
internal object MadeRun {
    const val STEP = 0.05f
    val CLASSES = listOf("A", "B", "C", "None")
    private const val SAMPLES = 40
    private const val EDGE = "all zeros"
    private val BOUNDS =
        mapOf(
            "float32_max_abs" to 1e-4,
            "float16_max_abs" to 0.05,
            "dynamic_p95_abs" to 0.05,
            "dynamic_sqnr_db" to 20.0,
            "reduced_agreement" to 0.995,
            "int8_accuracy_drop" to 0.005,
            "int8_agreement" to 0.99,
            "int8_sqnr_db" to 20.0,
            "task_max_abs" to 1e-3,
            "runtime_float32_max_abs" to 1e-5,
            "runtime_dynamic_sqnr_db" to 40.0,
            "runtime_int8_steps" to 1.0,
            "runtime_int8_mean_steps" to 0.25,
            "runtime_int8_agreement" to 0.999,
        )

    fun logits(row: Int): DoubleArray =
        DoubleArray(CLASSES.size) { if (it == row % 4) 3.0 + row * 0.01 else 0.1 * ((row + it) % 3) }

    fun probabilities(logits: DoubleArray): FloatArray {
        val powers = DoubleArray(logits.size) { exp(logits[it]) }
        return FloatArray(logits.size) { (powers[it] / powers.sum()).toFloat() }
    }

    fun files(): Map<String, ByteArray> {
        val answers = Array(SAMPLES + 1) { probabilities(logits(it)) }
        val labels = List(SAMPLES + 1) { if (it == SAMPLES) -1 else it % 4 }
        val model = MadeTflite.bytes(STEP, CLASSES)
        val golden =
            mapOf(
                "input_landmarks.npy" to
                    MadeFiles.floats(listOf(SAMPLES + 1, 2), *FloatArray(2 * (SAMPLES + 1)) { it.toFloat() }),
                "output.npy" to MadeFiles.rows(answers),
                "label.npy" to MadeFiles.longs(*labels.map { it.toLong() }.toLongArray()),
                "sample_id.npy" to MadeFiles.texts(List(SAMPLES + 1) { "sample $it" }),
                "label_name.npy" to MadeFiles.texts(labels.map { CLASSES.getOrElse(it) { "" } }),
                "edge.npy" to MadeFiles.texts(List(SAMPLES + 1) { if (it == SAMPLES) EDGE else "" }),
            ) + listOf("float32", "int8").associate { "answer_$it.npy" to MadeFiles.rows(answers) }
        val listed =
            listOf("float32", "int8").associateWith { json("file" to "model_$it.tflite", "sha256" to digest(model)) }
        val card =
            json(
                "name" to "made",
                "family" to "mlp",
                "output" to "probabilities",
                "classes" to CLASSES,
                "inputs" to listOf(json("name" to "landmarks", "shape" to listOf(1, 2))),
                "files" to kotlinx.serialization.json.JsonObject(listed),
                "metrics" to json("test_samples" to SAMPLES),
                "parity_gates" to json(*BOUNDS.toList().toTypedArray()),
            )
        return mapOf(
            "card.json" to card.toString().toByteArray(),
            "labels.txt" to CLASSES.joinToString("\n", postfix = "\n").toByteArray(),
            "golden.npz" to MadeFiles.zip(golden),
            "model_float32.tflite" to model,
            "model_int8.tflite" to model,
        )
    }

    /** The same with a bundle and two images of 40 × 20 pixels, which show A and B. */
    fun withTask(scale: Float? = null, threshold: Double = 0.5): Map<String, ByteArray> {
        val models =
            mapOf(
                "gesture_embedder.tflite" to
                    MadeTflite.bytes(null, emptyList(), listOf("hand", "handedness", "world_hand")),
                "custom_gesture_classifier.tflite" to MadeTflite.bytes(scale, CLASSES, listOf("embedding")),
            )
        val task = MadeFiles.zip(mapOf("hand_gesture_recognizer.task" to MadeFiles.zip(models)))
        val card =
            json("sha256" to digest(task), "score_threshold" to threshold, "canned_labels" to listOf("Victory", "None"))
        val image = MadeFiles.npy("|u1", listOf(24), ByteArray(24).also { it[19] = 40 }.also { it[23] = 20 })
        val images = mapOf("image_0.npy" to image, "image_1.npy" to image, "label.npy" to MadeFiles.longs(0, 1))
        val bundled = mapOf("gesture_recognizer.task" to task, "bundle.json" to card.toString().toByteArray())
        return files() + bundled + ("golden_images.npz" to MadeFiles.zip(images))
    }

    fun write(folder: File) = files().forEach { (name, content) -> File(folder, name).writeBytes(content) }

    fun job(files: Map<String, ByteArray> = files()): Job = JobReader(MadeExport(files)).read()

    /** Answers sample after sample as [answer] says. */
    class Faked(private val answer: (name: String, sample: Int) -> FloatArray) : Evaluator {
        override val runtime = "faked"
        override val version = "1"

        override fun load(content: ByteArray, name: String, inputs: Map<String, List<Int>>) = object : LoadedModel {
            private var sample = 0

            override fun feed(input: Int, values: FloatArray, offset: Int) {
                sample = offset / 2
            }

            override fun invoke() = Unit

            override fun output() = answer(name, sample)

            override fun close() = Unit
        }
    }

    fun judged(job: Job = job(), answer: (name: String, sample: Int) -> FloatArray): ParityReport {
        val answers = JobRunner(job, Measure(repeats = 12, warmUp = 1, seconds = 60.0)).run(Faked(answer))
        return ParityReport(
            job,
            "jvm",
            listOf(Judgement(job).judge(answers)),
            Machine("made", "made", 2),
            "check made",
            0.1,
        )
    }
}
