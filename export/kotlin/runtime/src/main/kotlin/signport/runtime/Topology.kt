package signport.runtime

/**
 * The landmark layouts that models take: which points, in which order. A body layout has pose, then left and right
 * hand (the person's own), then face; [HOLISTIC_543] has the face before the hands.
 *
 * @property points How many points.
 */
public enum class Topology(
    public val points: Int,
    private val pose: Int,
    private val leftHand: Int,
    private val face: IntArray?,
    private val faceStart: Int,
) {
    /** The 21 points of one hand. */
    HAND(HAND_POINTS, 0, 0, null, 0),

    /** Pose (33), left hand, right hand. */
    POSE_HANDS_75(75, 33, 33, null, 0),

    /** The upper 17 of the pose, left hand, right hand. */
    UPPER_59(59, 17, 17, null, 0),

    /** Pose (33), left hand, right hand, 61 points of the face: mouth, eyes, brows and nose. */
    ISL_136(136, 33, 33, FACE_61, 75),

    /** Pose (33), face (468), left hand, right hand: all that MediaPipe's holistic model gives. */
    HOLISTIC_543(543, 33, 501, IntArray(FACE_MESH) { it }, 33),
    ;

    /** Which points belong to hands. */
    public val hands: IntRange = if (pose == 0) 0 until HAND_POINTS else leftHand until leftHand + 2 * HAND_POINTS

    /**
     * Puts a frame of a body layout together, NaN where a part is missing.
     *
     * @param pose (33, 3), row-major, as MediaPipe gives it; null where nothing was found.
     * @param leftHand (21, 3), of the person's left hand.
     * @param rightHand (21, 3).
     * @param face (468, 3) or (478, 3), the iris points being left out.
     * @param into Where to: (points, 3); a new array unless given.
     * @return [into].
     * @throws SignportException A part of another size, or this is no body layout.
     */
    @JvmOverloads
    public fun frame(
        pose: FloatArray?,
        leftHand: FloatArray?,
        rightHand: FloatArray?,
        face: FloatArray? = null,
        into: FloatArray = FloatArray(points * COORDINATES),
    ): FloatArray {
        if (this == HAND) throw SignportException("$name: is one hand; push its $HAND_POINTS points as they are")
        require("frame", into, points)
        into.fill(Float.NaN)
        place("pose", pose, POSE_POINTS, this.pose, into, 0)
        place("left hand", leftHand, HAND_POINTS, HAND_POINTS, into, this.leftHand)
        place("right hand", rightHand, HAND_POINTS, HAND_POINTS, into, this.leftHand + HAND_POINTS)
        if (face != null && face.size != FACE_WITH_IRIS * COORDINATES) require("face", face, FACE_MESH)
        if (face != null && this.face != null) {
            for (row in this.face.indices) {
                val target = (faceStart + row) * COORDINATES
                System.arraycopy(face, this.face[row] * COORDINATES, into, target, COORDINATES)
            }
        }
        return into
    }

    private fun place(part: String, values: FloatArray?, points: Int, taken: Int, into: FloatArray, first: Int) {
        if (values == null) return
        require(part, values, points)
        System.arraycopy(values, 0, into, first * COORDINATES, taken * COORDINATES)
    }

    private fun require(part: String, values: FloatArray, points: Int) {
        if (values.size != points * COORDINATES) {
            val wanted = points * COORDINATES
            throw SignportException("$name: $part of ${values.size} numbers; it has $wanted, x y z of $points points")
        }
    }

    public companion object {
        /** The layout with so many points; null where there is none. */
        @JvmStatic
        public fun ofPoints(points: Int): Topology? = values().firstOrNull { it.points == points }
    }
}

internal const val COORDINATES: Int = 3
private const val HAND_POINTS = 21
private const val POSE_POINTS = 33
private const val FACE_MESH = 468
private const val FACE_WITH_IRIS = 478

/** What [Topology.ISL_136] takes of MediaPipe's face mesh, in its order: `signport.landmarks.topology.FACE_61`. */
private val FACE_61: IntArray = intArrayOf(
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 78, 178, 14, 402,
    308, 311, 13, 81, 33, 163, 145, 154, 133, 157, 159, 161, 362, 381, 374, 390, 263, 388, 386, 384, 70, 63,
    105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 4, 1, 2, 98, 327,
)
