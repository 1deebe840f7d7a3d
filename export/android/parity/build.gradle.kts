import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
}

// The files of the run under test, as assets of the test's APK.
val goldenAssets = layout.buildDirectory.dir("golden-assets")

android {
    namespace = "signport.android.parity"
    compileSdk = 36

    defaultConfig {
        minSdk = 24
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    sourceSets {
        // What needs no Android class is compiled and tested by Maven in export/kotlin.
        getByName("main").kotlin.srcDirs("../../kotlin/runtime/src/main/kotlin", "../../kotlin/parity/src/main/kotlin")
        getByName("androidTest") {
            kotlin.srcDirs("src/androidTest/kotlin", "src/mediapipe/kotlin")
            assets.srcDir(goldenAssets.get().asFile)
        }
    }

    packaging {
        resources.excludes += setOf("META-INF/LICENSE*", "META-INF/NOTICE*", "META-INF/*.version")
    }
}

kotlin {
    compilerOptions {
        jvmTarget.set(JvmTarget.JVM_11)
    }
}

dependencies {
    implementation(libs.flatbuffers)
    implementation(libs.serialization.json)

    androidTestImplementation(libs.litert)
    androidTestImplementation(libs.litert.gpu)
    androidTestImplementation(libs.litert.gpu.api)
    androidTestImplementation(libs.mediapipe.vision)
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.androidx.test.junit)
}

val goldenVectors by tasks.registering(Sync::class) {
    val run = providers.gradleProperty("signport.run")
        .orElse(provider<String> { throw GradleException("give the run to test: -Psignport.run=/path/to/run") })
    from(
        run.map { given ->
            rootDir.resolve(given).let { if (it.resolve("export").isDirectory) it.resolve("export") else it }
        },
    )
    include(
        "card.json",
        "labels.txt",
        "*.tflite",
        "golden.npz",
        "golden_images.npz",
        "gesture_recognizer.task",
        "bundle.json",
    )
    into(goldenAssets.map { it.dir("export") })
    doFirst {
        if (source.none {
                it.name == "card.json"
            }
        ) {
            throw GradleException("${run.get()}: no card.json in it; run `signport export`")
        }
    }
}

tasks.matching { it.name.startsWith("merge") && it.name.endsWith("AndroidTestAssets") }.configureEach {
    dependsOn(goldenVectors)
}
