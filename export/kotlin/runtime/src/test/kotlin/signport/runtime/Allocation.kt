package signport.runtime

import com.sun.management.ThreadMXBean
import java.lang.management.ManagementFactory

/**
 * Bytes that this thread takes in so many warm calls: the least of some rounds. Now and then a round takes some without
 * the calls' doing, where classes are loaded or compiled code gives way to interpreted; a call that takes memory takes it
 * in every round.
 */
internal fun allocatedBytes(calls: Int = 1_000, warmUp: Int = 2 * calls, call: () -> Unit): Long {
    val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    val thread = Thread.currentThread().id
    for (time in 0 until warmUp) call()
    var least = Long.MAX_VALUE
    var round = 0
    while (least > 0 && round++ < MOST_ROUNDS) {
        val before = threads.getThreadAllocatedBytes(thread)
        for (time in 0 until calls) call()
        least = minOf(least, threads.getThreadAllocatedBytes(thread) - before)
    }
    return least
}

private const val MOST_ROUNDS = 20
