"""Target `jvm`: signport's own Kotlin library (`export/kotlin`), which needs a Java and no native code."""
