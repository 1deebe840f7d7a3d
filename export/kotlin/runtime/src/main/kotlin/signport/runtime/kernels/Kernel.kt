package signport.runtime.kernels

import signport.runtime.graph.Memory
import signport.runtime.graph.Operator

/** One operator on one session's arrays. Takes no memory while it runs. */
internal fun interface Kernel {
    fun run()
}

/** One operator, checked and with its constants ready; shared by all sessions, so never changed. */
internal fun interface Prepared {
    /** Takes what of [memory] the kernel reads and writes, and the scratch arrays it needs. */
    fun bind(memory: Memory): Kernel
}

/**
 * How one kind of operator is evaluated.
 *
 * `prepare` refuses ([Operator.refuse]) whatever it would not evaluate exactly as LiteRT does.
 */
internal fun interface KernelFactory {
    fun prepare(operator: Operator): Prepared
}
