package signport.runtime

/**
 * What went wrong, in one line: what, where, the value that is wrong, and what to do.
 *
 * @param message That line.
 * @param cause What it came from, if anything.
 */
public class SignportException(message: String, cause: Throwable? = null) : RuntimeException(message, cause)
