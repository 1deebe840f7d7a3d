package signport.runtime

/**
 * The latest frames of a camera, in the form that a sequence model takes.
 *
 * It fills from the start: until there are as many frames as fit, missing ones (NaN) stand at its end, as short clips
 * end in training. Belongs to one thread; [push] and [copyInto] take no memory.
 *
 * @property frames How many frames it keeps.
 * @property points Points of a frame.
 * @property stride At every how many frames an answer is due.
 * @param hands Which points belong to hands; those of the [Topology] of so many points, else all.
 * @throws SignportException A size or the stride is below 1.
 */
public class SlidingWindow @JvmOverloads constructor(
    public val frames: Int,
    public val points: Int,
    public val stride: Int = 1,
    hands: IntRange = Topology.ofPoints(points)?.hands ?: (0 until points),
) {
    private val row = points * COORDINATES
    private val ring: FloatArray
    private val seen: BooleanArray
    private val firstHandValue = hands.first * COORDINATES
    private val lastHandValue = hands.last * COORDINATES + COORDINATES - 1
    private var next = 0
    private var taken = 0L

    /** Frames that it holds, those without a hand among them. */
    public var size: Int = 0
        private set

    /** Frames among them that show a hand: at least one finite number among the hands' points. */
    public var handFrames: Int = 0
        private set

    /** Whether it holds as many frames as fit. */
    public val isFull: Boolean get() = size == frames

    init {
        if (frames < 1 || points < 1 || stride < 1) {
            throw SignportException("window of $frames frames, $points points, stride $stride: give 1 or more of each")
        }
        if (hands.first < 0 || hands.last >= points) {
            throw SignportException("window: hands are points $hands of $points; give points that there are")
        }
        ring = FloatArray(frames * row)
        seen = BooleanArray(frames)
    }

    /**
     * Takes the next frame; the oldest leaves where there is no room.
     *
     * @param frame (points, 3), row-major, x y z, NaN where missing; null where nothing was found. It is copied.
     * @return Whether an answer is due: true at every [stride]-th frame.
     * @throws SignportException A frame of another size; the window is as it was before.
     */
    public fun push(frame: FloatArray?): Boolean {
        requireSize(frame)
        if (isFull && seen[next]) handFrames--
        val start = next * row
        if (frame == null) {
            ring.fill(Float.NaN, start, start + row)
        } else {
            System.arraycopy(frame, 0, ring, start, row)
        }
        seen[next] = frame != null && showsHand(frame)
        if (seen[next]) handFrames++
        next = (next + 1) % frames
        if (!isFull) size++
        taken++
        return taken % stride == 0L
    }

    /**
     * Writes the frames in the order of time, then NaN to the end.
     *
     * @param target (frames of the model, points, 3), row-major: a [Session.input].
     * @throws SignportException It has no room for all frames, or is no whole number of frames.
     */
    public fun copyInto(target: FloatArray) {
        if (target.size < frames * row || target.size % row != 0) {
            throw SignportException("${target.size} numbers do not hold the window's $frames frames of $row numbers")
        }
        val oldest = if (isFull) next else 0
        val untilEnd = minOf(size, frames - oldest)
        System.arraycopy(ring, oldest * row, target, 0, untilEnd * row)
        System.arraycopy(ring, 0, target, untilEnd * row, (size - untilEnd) * row)
        target.fill(Float.NaN, size * row, target.size)
    }

    /** Forgets all frames: the next is the first. */
    public fun clear() {
        size = 0
        handFrames = 0
        next = 0
        taken = 0L
    }

    internal fun requireSize(frame: FloatArray?) {
        if (frame != null && frame.size != row) {
            throw SignportException("frame of ${frame.size} numbers; the window takes $row, x y z of $points points")
        }
    }

    private fun showsHand(frame: FloatArray): Boolean {
        for (index in firstHandValue..lastHandValue) {
            if (Math.abs(frame[index]) <= Float.MAX_VALUE) return true
        }
        return false
    }
}
