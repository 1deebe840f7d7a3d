package signport.android.parity

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Test
import org.junit.runner.RunWith
import signport.parity.JobReader
import signport.parity.JobRunner
import signport.parity.Judgement
import signport.parity.ParityReport
import signport.parity.SignportEvaluator
import signport.parity.TaskChecker
import java.io.File

/**
 * A run's files on this device, held to the golden vectors in the test's assets.
 *
 * Writes `parity.json` into the folder that Gradle collects afterwards (`additionalTestOutputDir`), or else into the
 * test app's external files.
 */
@RunWith(AndroidJUnit4::class)
internal class ParityTest {
    private val context = InstrumentationRegistry.getInstrumentation().context
    private val arguments = InstrumentationRegistry.getArguments()

    @Test
    fun everyFileAnswersAsTheTrainedModel() {
        val start = System.nanoTime()
        val job = JobReader(AssetFiles(context.assets, "export")).read()
        val runner = JobRunner(job, Phone.measure)
        val evaluators = listOf(SignportEvaluator()) + Accelerators.all()
        val answers = evaluators.map(runner::run).toMutableList()
        if (job.task != null) answers += TaskChecker(job, evaluators[1]).run(MediaPipeTask(context))
        val results = answers.map(Judgement(job)::judge)
        val seconds = (System.nanoTime() - start) / 1e9
        val report = ParityReport(job, "android", results, Phone.machine, COMMAND, seconds, Phone.emulated)
        val folder = arguments.getString("additionalTestOutputDir")?.let(::File) ?: context.getExternalFilesDir(null)
        report.write(File(folder, "parity.json"))
        assertEquals("broken gates", "", report.broken.joinToString("\n"))
        assertNotEquals("nothing could be run: ${report.skipped}", "skipped", report.status)
    }

    private companion object {
        const val COMMAND = "gradle :parity:connectedDebugAndroidTest -Psignport.run=RUN"
    }
}
