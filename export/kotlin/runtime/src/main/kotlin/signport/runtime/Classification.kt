package signport.runtime

/**
 * A class and how likely the model finds it.
 *
 * @property label The class name.
 * @property index Its place among the model's outputs.
 * @property score Its probability, 0 to 1.
 */
public data class Score(public val label: String, public val index: Int, public val score: Float)

/**
 * What a model answered: a score for each class, and the best of them.
 *
 * One that [SignportModel.classify] returned stays as it is. One that a [Session] returned is the session's own and
 * changes with its next run; [copy] keeps it.
 */
public class Classification internal constructor(private val labels: List<String>, private val values: FloatArray) {
    /** Place of the best class among the model's outputs; the first of equals. */
    public var index: Int = 0
        private set

    /** Name of the best class; its index in digits where the model names no classes. */
    public val label: String get() = labels[index]

    /** Score of the best class: a probability, 0 to 1. */
    public val score: Float get() = values[index]

    /** Scores of all classes (classes), in the order of [SignportModel.labels]: this object's own array, not a copy. */
    public val scores: FloatArray get() = values

    /** The best classes, best first; all, where there are fewer than [count]. */
    public fun top(count: Int): List<Score> =
        values.indices.sortedByDescending { values[it] }.take(count).map { Score(labels[it], it, values[it]) }

    /** The same as it is now, not touched by later runs. */
    public fun copy(): Classification = Classification(labels, values.copyOf()).also { it.index = index }

    override fun toString(): String = "$label ($score)"

    internal fun rank(): Classification {
        index = bestOf(values)
        return this
    }
}

/** Index of the first greatest value. NaN counts as greatest, so that a broken answer shows instead of hiding. */
internal fun bestOf(values: FloatArray): Int {
    var best = 0
    for (index in values.indices) {
        if (values[index].isNaN()) return index
        if (values[index] > values[best]) best = index
    }
    return best
}
