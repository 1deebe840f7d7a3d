package signport.runtime

/**
 * Objects that one thread uses at a time; as many as there were ever threads at once.
 *
 * No `ThreadLocal`: an app's coroutines change threads, and its threads outlive the model.
 */
internal class Pool<T>(private val make: () -> T) {
    private val idle = ArrayList<T>()

    fun <R> use(action: (T) -> R): R {
        val one = synchronized(idle) { if (idle.isEmpty()) null else idle.removeAt(idle.size - 1) } ?: make()
        try {
            return action(one)
        } finally {
            synchronized(idle) { idle.add(one) }
        }
    }
}
