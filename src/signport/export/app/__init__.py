"""Into an app: where its models go, what of a run goes there, and the Kotlin constants that describe it."""
