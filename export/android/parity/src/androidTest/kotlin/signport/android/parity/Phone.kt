package signport.android.parity

import android.os.Build
import signport.parity.Machine
import signport.parity.Measure

/** The device that the test runs on. */
internal object Phone {
    /** In words by field, as reports show it. */
    val device: Map<String, String> =
        mapOf(
            "phone" to "${Build.MANUFACTURER} ${Build.MODEL}",
            "android" to "${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})",
            "cpu" to "${Build.HARDWARE}, ${System.getProperty("os.arch")}",
        )

    /** What of it is not real; empty if it all is. */
    val emulated: String =
        if (Build.HARDWARE in setOf("ranchu", "goldfish")) "Android's emulator, ${Build.HARDWARE}" else ""

    val machine: Machine
        get() = Machine("Android ${device["android"]}", "${device["phone"]}, ${device["cpu"]}")

    /** An emulator's times mean nothing. The warm-up is long enough for Android's compiler to have done its work. */
    val measure: Measure
        get() = Measure(repeats = if (emulated.isEmpty()) 300 else 0, warmUp = 20_000, seconds = 1.0)
}
