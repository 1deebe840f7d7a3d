package signport.parity

import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.doubleOrNull
import signport.runtime.SignportException
import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode

/**
 * How far an exported file may be from its float model, and from LiteRT's answers to it.
 *
 * The numbers are the family's, and only signport's Python knows them: the export writes them into `card.json`. Names
 * and meanings are those of `models/gates.py`.
 *
 * @property bounds Name of the tolerance → its value.
 */
public class Gates internal constructor(public val bounds: Map<String, Double>, private val where: String) {
    internal fun bound(name: String): Double =
        bounds[name] ?: throw SignportException("$where: $name: missing; $AGAIN with this version of signport")

    internal companion object {
        private const val IN_CARD = "parity_gates"
        private const val IN_REPORT = "gates"

        /**
         * The tolerances in a card or in a parity report.
         *
         * @throws SignportException There are none, or one is no number.
         */
        fun read(content: JsonObject, where: String): Gates {
            val found =
                (content[IN_CARD] ?: content[IN_REPORT]) as? JsonObject
                    ?: throw SignportException(
                        "$where: $IN_CARD: missing; $AGAIN, or give --gates RUN/parity/parity.json",
                    )
            return Gates(
                found.mapValues { (name, value) ->
                    (value as? JsonPrimitive)?.doubleOrNull
                        ?: throw SignportException("$where: $name: $value is no number; $AGAIN")
                },
                where,
            )
        }
    }
}

/**
 * One demand and what was found.
 *
 * @property name What is judged, e.g. `int8 agreement`.
 * @property value What was found; NaN where it could not be computed.
 * @property bound What is allowed.
 * @property most Whether [bound] is the most that passes; else it is the least.
 */
public class Gate(
    public val name: String,
    public val value: Double,
    public val bound: Double,
    public val most: Boolean,
) {
    /** NaN never passes. */
    public val passed: Boolean
        get() = if (most) value <= bound else value >= bound

    override fun toString(): String =
        "$name: ${short(value)} (${if (passed) "passes" else "BREAKS"} ${if (most) "≤" else "≥"} ${short(bound)})"

    internal companion object {
        fun atMost(name: String, value: Double, bound: Double) = Gate(name, value, bound, most = true)

        fun atLeast(name: String, value: Double, bound: Double) = Gate(name, value, bound, most = false)

        /** One that holds where a count is 0. */
        fun none(name: String, count: Int) = Gate(name, count.toDouble(), 0.0, most = true)
    }
}

private const val DIGITS = 6
private const val LEAST_PLAIN_EXPONENT = -4

/** A number in at most six digits. */
internal fun short(value: Double): String {
    if (!value.isFinite()) {
        return if (value.isNaN()) {
            "nan"
        } else if (value > 0) {
            "inf"
        } else {
            "-inf"
        }
    }
    if (value == 0.0) return "0"
    val rounded = BigDecimal(value).round(MathContext(DIGITS, RoundingMode.HALF_EVEN)).stripTrailingZeros()
    val exponent = rounded.precision() - rounded.scale() - 1
    if (exponent in LEAST_PLAIN_EXPONENT until DIGITS) return rounded.toPlainString()
    val power = exponent.toString().removePrefix("-").padStart(2, '0')
    val digits = rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString()
    return "${digits}e${if (exponent < 0) "-" else "+"}$power"
}
