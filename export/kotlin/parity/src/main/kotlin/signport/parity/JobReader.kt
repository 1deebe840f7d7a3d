package signport.parity

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import signport.runtime.SignportException

/** Reads what a run exported, and refuses what does not belong together. */
public class JobReader(private val source: ExportFiles) {
    private val where = "${source.name}/$CARD_FILE"

    /**
     * Reads and checks all files.
     *
     * @param gates Content of a report or card that holds the tolerances; null: `card.json` does.
     * @throws SignportException Something is missing or damaged, or a file is not the one that `card.json` describes.
     */
    public fun read(gates: JsonObject? = null): Job {
        val card = source.json(CARD_FILE)
        val listed = card["files"] as? JsonObject ?: throw SignportException("$where: files: missing; $AGAIN")
        if (listed.isEmpty() || (card["inputs"] as? JsonArray).isNullOrEmpty()) {
            throw SignportException("$where: files or inputs are empty; $AGAIN")
        }
        listed.keys
            .firstOrNull { Format.named(it) == null }
            ?.let {
                val known = Format.values().joinToString { form -> form.word }
                throw SignportException("$where: files: format '$it' is unknown; it can be $known")
            }
        val files = Format.values().mapNotNull { form -> (listed[form.word] as? JsonObject)?.let { model(form, it) } }
        val golden =
            source.open(Golden.FILE)?.use { Golden.read(it, "${source.name}/${Golden.FILE}") }
                ?: throw SignportException("${source.name}/${Golden.FILE}: no such file; $AGAIN")
        val classes = card.texts("classes")
        val tolerances = Gates.read(gates ?: card, if (gates == null) where else "--gates")
        checkGolden(card, golden, files)
        checkClasses(card, golden, classes)
        if (classes.isNotEmpty()) checkLabels(classes, files)
        return Job(source, card, files, golden, tolerances, task(classes))
    }

    private fun model(form: Format, entry: JsonObject): ModelFile {
        // Only the last part: a card must not lead out of its folder.
        val name = entry.text("file").substringAfterLast('/').substringAfterLast('\\')
        val content = source.content(name)
        val found = checkDigest(name, content, entry.text("sha256"), CARD_FILE, AGAIN)
        return ModelFile(form, name, content, found, TfliteFile.read(content, "${source.name}/$name"))
    }

    private fun checkDigest(name: String, content: ByteArray, expected: String, card: String, again: String): String {
        val found = digest(content)
        if (found != expected) {
            throw SignportException(
                "${source.name}/$name: sha256 is ${found.take(12)}…, $card says ${expected.take(12)}…: " +
                    "stale or changed since; $again",
            )
        }
        return found
    }

    private fun checkGolden(card: JsonObject, golden: Golden, files: List<ModelFile>) {
        val name = "${source.name}/${Golden.FILE}"
        val entries = (card["inputs"] as JsonArray).filterIsInstance<JsonObject>()
        val inputs = entries.map { it.text("name") }
        if (inputs.sorted() != golden.inputs.keys.sorted()) {
            throw SignportException(
                "$name: holds inputs ${golden.inputs.keys.joinToString()}, " +
                    "$CARD_FILE lists ${inputs.joinToString()}; $AGAIN",
            )
        }
        files
            .firstOrNull { it.form.word !in golden.answers }
            ?.let {
                throw SignportException(
                    "$name: answer_${it.form.word}: missing, though $CARD_FILE lists that format; $AGAIN",
                )
            }
        if (golden.edge.none { it.isEmpty() }) throw SignportException("$name: holds no real sample; $AGAIN")
        if (!golden.output.areFinite()) {
            throw SignportException("$name: output holds NaN or infinity; the trained model is broken: train again")
        }
    }

    private fun checkClasses(card: JsonObject, golden: Golden, classes: List<String>) {
        if (OutputKind.named(card.text("output")) == OutputKind.EMBEDDING) return
        if (golden.output[0].size != classes.size) {
            throw SignportException(
                "${source.name}/${Golden.FILE}: output has ${golden.output[0].size} columns, " +
                    "$CARD_FILE has ${classes.size} classes; $AGAIN",
            )
        }
        for ((row, label) in golden.labels.withIndex()) {
            if (label >= 0 && classes.getOrNull(label) != golden.labelNames[row]) {
                throw SignportException(
                    "$where: classes: $label is '${classes.getOrNull(label)}', a golden sample of that class is " +
                        "labelled '${golden.labelNames[row]}': labels are permuted; $AGAIN",
                )
            }
        }
    }

    private fun checkLabels(classes: List<String>, files: List<ModelFile>) {
        val listed = source.open(LABELS_FILE)?.use { String(Archive.content(it, LABELS_FILE), Charsets.UTF_8).lines() }
        val found =
            files.map { it.name to it.tflite.labels } +
                (if (listed == null) emptyList() else listOf(LABELS_FILE to listed.dropLastWhile(String::isEmpty)))
        found
            .firstOrNull { it.second != classes }
            ?.let { (name, _) ->
                throw SignportException(
                    "${source.name}/$name: its labels are not those of $CARD_FILE: stale, or permuted; $AGAIN",
                )
            }
    }

    private fun task(classes: List<String>): TaskFile? {
        val content = source.open(TASK_FILE)?.use { Archive.content(it, "${source.name}/$TASK_FILE") } ?: return null
        val card = source.json(TASK_CARD_FILE)
        checkDigest(TASK_FILE, content, card.text("sha256"), TASK_CARD_FILE, "run `signport bundle` again")
        val name = "${source.name}/$IMAGES_FILE"
        val arrays =
            source.open(IMAGES_FILE)?.use { Npz.read(it, name) }
                ?: return TaskFile(TASK_FILE, content, card, emptyList(), emptyList())
        val images =
            arrays.keys
                .filter { it.startsWith("image_") }
                .indices
                .map {
                    arrays["image_$it"]?.bytes() ?: throw SignportException("$name: image_$it: missing; $AGAIN")
                }
        val labels = arrays["label"]?.ints() ?: IntArray(0)
        if (labels.size != images.size) {
            throw SignportException("$name: ${images.size} images but ${labels.size} labels; $AGAIN")
        }
        return TaskFile(TASK_FILE, content, card, images, labels.map { classes.getOrElse(it) { "" } })
    }
}
