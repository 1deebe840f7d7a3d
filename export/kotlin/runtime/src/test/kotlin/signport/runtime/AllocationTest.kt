package signport.runtime

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

internal class AllocationTest {
    private var kept = FloatArray(1)

    @Test
    fun `a call that takes memory is found out, one that takes none is not`() {
        assertTrue(allocatedBytes(calls = 3, warmUp = 2) { kept = FloatArray(1) } >= 3 * FLOAT_ARRAY_BYTES)
        assertEquals(0, allocatedBytes(calls = 3, warmUp = 2) { kept[0] += 1f })
    }

    private companion object {
        const val FLOAT_ARRAY_BYTES = 16 // the least that an object of the JVM takes
    }
}
