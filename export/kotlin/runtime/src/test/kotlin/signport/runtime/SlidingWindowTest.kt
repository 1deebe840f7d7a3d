package signport.runtime

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

internal class SlidingWindowTest {
    private fun frame(value: Int): FloatArray = FloatArray(2 * COORDINATES) { value.toFloat() }

    private fun held(window: SlidingWindow, frames: Int = window.frames): List<Float> {
        val target = FloatArray(frames * 2 * COORDINATES) { 99f }
        window.copyInto(target)
        return target.toList().chunked(2 * COORDINATES) { it.distinct().single() }
    }

    @Test
    fun `it fills from the start and then slides over the latest frames`() {
        val window = SlidingWindow(3, 2)
        val seen = (1..7).map { number ->
            window.push(frame(number))
            held(window)
        }
        assertEquals(listOf(1f, Float.NaN, Float.NaN), seen[0])
        assertEquals(listOf(1f, 2f, Float.NaN), seen[1])
        assertEquals((3..7).map { listOf(it - 2f, it - 1f, it.toFloat()) }, seen.drop(2))
        assertEquals(listOf(5f, 6f, 7f, Float.NaN, Float.NaN), held(window, 5))
    }

    @Test
    fun `it tells when it is full and how many frames show a hand`() {
        val window = SlidingWindow(3, 2)
        val told = listOf(frame(1), null, frame(2), FloatArray(6) { Float.NaN }, null).map {
            window.push(it)
            Triple(window.size, window.isFull, window.handFrames)
        }
        assertEquals(listOf(1, 2, 3, 3, 3), told.map { it.first })
        assertEquals(listOf(false, false, true, true, true), told.map { it.second })
        assertEquals(listOf(1, 1, 2, 1, 1), told.map { it.third })
        window.clear()
        assertEquals(0 to 0, window.size to window.handFrames)
        assertTrue(held(window).all { it.isNaN() })
    }

    @Test
    fun `only points of hands make a frame one with a hand`() {
        val window = SlidingWindow(1, 75)
        val whole = FloatArray(75 * COORDINATES) { if (it < 33 * COORDINATES) 0.5f else Float.NaN }
        window.push(whole)
        assertEquals(0, window.handFrames)
        whole[whole.size - 1] = 0.5f
        window.push(whole)
        assertEquals(1, window.handFrames)
    }

    @Test
    fun `an answer is due at every stride`() {
        val window = SlidingWindow(4, 2, stride = 3)
        assertEquals(listOf(false, false, true, false, false, true), List(6) { window.push(frame(it)) })
    }

    @Test
    fun `what does not fit is refused and changes nothing`() {
        val window = SlidingWindow(2, 2)
        window.push(frame(1))
        assertThrows<SignportException> { window.push(FloatArray(5)) }
        assertEquals(1, window.size)
        assertThrows<SignportException> { window.copyInto(FloatArray(6)) }
        assertThrows<SignportException> { window.copyInto(FloatArray(13)) }
        assertThrows<SignportException> { SlidingWindow(0, 2) }
        assertThrows<SignportException> { SlidingWindow(2, 2, hands = 1..2) }
    }

    @Test
    fun `a camera may use its array again, and no call takes memory`() {
        val window = SlidingWindow(2, 2)
        val camera = frame(1)
        window.push(camera)
        camera.fill(7f)
        assertFalse(held(window).contains(7f))
        val target = FloatArray(12)
        assertEquals(
            0,
            allocatedBytes {
                window.push(camera)
                window.copyInto(target)
            },
        )
        assertArrayEquals(FloatArray(12) { 7f }, target)
    }
}
