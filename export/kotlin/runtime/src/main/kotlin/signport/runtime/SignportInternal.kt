package signport.runtime

/** Marks what signport's own modules share with each other. */
@RequiresOptIn("signport's own modules share this; it may change at any time")
@Retention(AnnotationRetention.BINARY)
public annotation class SignportInternal
