package signport.runtime

import com.sun.management.ThreadMXBean
import java.lang.management.ManagementFactory

/** Bytes that this thread takes in so many warm calls: the least of three rounds, as the first may load classes. */
internal fun allocatedBytes(calls: Int = 1_000, warmUp: Int = 2 * calls, call: () -> Unit): Long {
    val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    val thread = Thread.currentThread().id
    for (time in 0 until warmUp) call()
    var least = Long.MAX_VALUE
    for (round in 0 until ROUNDS) {
        val before = threads.getThreadAllocatedBytes(thread)
        for (time in 0 until calls) call()
        least = minOf(least, threads.getThreadAllocatedBytes(thread) - before)
    }
    return least
}

private const val ROUNDS = 3
