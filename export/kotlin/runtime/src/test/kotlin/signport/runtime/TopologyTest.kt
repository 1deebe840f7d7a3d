package signport.runtime

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.assertThrows
import java.io.File

internal class TopologyTest {
    /** Points whose coordinates are their numbers among all 543. */
    private fun part(points: IntRange): FloatArray =
        FloatArray(points.count() * COORDINATES) { (points.first + it / COORDINATES).toFloat() }

    private val pose = part(0..32)
    private val face = part(33..500)
    private val left = part(501..521)
    private val right = part(522..542)

    @TestFactory
    fun `frames have the points that Python picks`() = Runs.with("reference/stream.txt") { run ->
        val lines = File(run, "reference/stream.txt").readLines().map { it.split('\t') }
        val layouts = lines.filter { it[0] == "layout" }
        assertEquals(4, layouts.size)
        for (layout in layouts) {
            val topology = Topology.valueOf(layout[1].uppercase())
            val numbers = layout.drop(2).map { it.toFloat() }
            val found = topology.frame(pose, left, right, face)
            assertEquals(numbers, found.toList().chunked(COORDINATES) { it.distinct().single() })
            assertEquals(topology.hands.map { numbers[it] }, (501..542).map { it.toFloat() })
        }
    }

    @Test
    fun `a part that is missing is NaN`() {
        val frame = Topology.POSE_HANDS_75.frame(pose, null, right)
        assertTrue(frame.slice(33 * 3 until 54 * 3).all { it.isNaN() })
        assertTrue(frame.filterIndexed { index, _ -> index !in 33 * 3 until 54 * 3 }.none { it.isNaN() })
        assertTrue(Topology.ISL_136.frame(null, null, null).all { it.isNaN() })
    }

    @Test
    fun `the iris is left out, and an array can be used again`() {
        val into = FloatArray(543 * COORDINATES)
        val iris = face + FloatArray(10 * COORDINATES)
        val whole = Topology.HOLISTIC_543
        assertArrayEquals(whole.frame(pose, left, right, face), whole.frame(pose, left, right, iris, into))
    }

    @Test
    fun `parts of another size are refused by name`() {
        val told = assertThrows<SignportException> { Topology.UPPER_59.frame(FloatArray(51), null, null) }.message
        assertEquals("UPPER_59: pose of 51 numbers; it has 99, x y z of 33 points", told)
        assertThrows<SignportException> { Topology.UPPER_59.frame(pose, null, null, FloatArray(5)) }
        assertThrows<SignportException> { Topology.UPPER_59.frame(pose, null, null, null, FloatArray(5)) }
        assertThrows<SignportException> { Topology.HAND.frame(pose, null, null) }
    }
}
