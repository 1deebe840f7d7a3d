package signport.runtime.kernels

/** Runs shorter than this are walked by indices: starting one costs more than it saves. */
internal const val SHORT_RUN = 8

/** The walk of an elementwise operator over two tensors that broadcast. */
internal class FloatPairs(val meeting: Broadcast) {
    val byIndices: Boolean = meeting.run < SHORT_RUN && meeting.blocks > 1
    val firstIndices: IntArray = if (byIndices) meeting.indices(0) else IntArray(0)
    val secondIndices: IntArray = if (byIndices) meeting.indices(1) else IntArray(0)

    /** Whether each run takes its part of the first tensor, in order, and one element of the second. */
    val scalesRuns: Boolean = meeting.steps[0] == 1 && meeting.steps[1] == 0 &&
        meeting.starts[0].indices.all { meeting.starts[0][it] == it * meeting.run }

    /**
     * Calls [store] with the place of each output and what meets there.
     *
     * Where arrays can share one index they have a loop of their own: those HotSpot vectorizes.
     */
    inline fun forEach(a: FloatArray, b: FloatArray, store: (at: Int, x: Float, y: Float) -> Unit) {
        if (byIndices) {
            val ofA = firstIndices
            val ofB = secondIndices
            for (at in ofA.indices) store(at, a[ofA[at]], b[ofB[at]])
        } else if (meeting.blocks == 1) {
            val run = meeting.run
            if (meeting.steps[0] == meeting.steps[1]) {
                for (i in 0 until run) store(i, a[i], b[i])
            } else if (meeting.steps[1] == 0) {
                val y = b[0]
                for (i in 0 until run) store(i, a[i], y)
            } else {
                val x = a[0]
                for (i in 0 until run) store(i, x, b[i])
            }
        } else if (scalesRuns) {
            val run = meeting.run
            val startsB = meeting.starts[1]
            for (block in startsB.indices) {
                val y = b[startsB[block]]
                for (at in block * run until (block + 1) * run) store(at, a[at], y)
            }
        } else {
            forEachRun(a, b, store)
        }
    }

    inline fun forEachRun(a: FloatArray, b: FloatArray, store: (at: Int, x: Float, y: Float) -> Unit) {
        val run = meeting.run
        val startsA = meeting.starts[0]
        val startsB = meeting.starts[1]
        val stepA = meeting.steps[0]
        val stepB = meeting.steps[1]
        for (block in startsA.indices) {
            val at = block * run
            val fromA = startsA[block]
            val fromB = startsB[block]
            for (i in 0 until run) store(at + i, a[fromA + i * stepA], b[fromB + i * stepB])
        }
    }
}
