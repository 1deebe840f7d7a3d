package signport.runtime

import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import java.io.File

/** The exported runs that tests read; a test that needs them is skipped where there are none. */
internal object Runs {
    private val folder = File(System.getProperty("signport.runs").orEmpty())

    /** A test for every run that has the file. */
    fun with(path: String, test: (File) -> Unit): List<DynamicTest> {
        val found = folders().filter { File(it, path).isFile }
        assumeTrue(found.isNotEmpty(), "$folder holds no $path: `make test` makes it")
        return found.map { run -> DynamicTest.dynamicTest(run.name) { test(run) } }
    }

    /** A test for every exported file. */
    fun models(test: (File) -> Unit): List<DynamicTest> =
        folders().flatMap { File(it, "export").listFiles().orEmpty().toList() }
            .filter { it.extension == "tflite" }
            .sorted()
            .map { file -> DynamicTest.dynamicTest("${file.parentFile.parentFile.name} ${file.name}") { test(file) } }

    private fun folders(): List<File> {
        assumeTrue(folder.path.isNotEmpty(), "no -Dsignport.runs: `make test` makes exported runs and hands them over")
        return folder.listFiles().orEmpty().sorted()
    }
}
