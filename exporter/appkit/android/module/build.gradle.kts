// A module of an Android app: copy this folder beside `app/`, add include(":bertkit") to settings.gradle.kts and
// implementation(project(":bertkit")) to the app. Before Android Gradle Plugin 9 the project's own build.gradle.kts names
// the Kotlin plugin, as Android Studio writes it: id("org.jetbrains.kotlin.android") version "…" apply false.
import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.tasks.KotlinJvmCompile

plugins { id("com.android.library") }

// Android Gradle Plugin 9 has Kotlin built in, as this extension, and refuses the plugin that 8 needs beside it
if (extensions.findByName("kotlin") == null) apply(plugin = "org.jetbrains.kotlin.android")

android {
    namespace = "dev.bertport.bertkit"
    compileSdk = 35

    defaultConfig {
        minSdk = 24
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // golden.json and the code that replays it serve the phone's tests and those of this machine alike
    sourceSets {
        getByName("androidTest") {
            kotlin.srcDir("src/sharedTest/kotlin")
            assets.srcDir("src/sharedTest/assets")
        }
        getByName("test") { kotlin.srcDir("src/sharedTest/kotlin") }
    }
}

// as Java's above: one that differs from it is refused, and by itself it is that of the JDK that Gradle runs on
tasks.withType<KotlinJvmCompile>().configureEach { compilerOptions { jvmTarget.set(JvmTarget.JVM_17) } }

dependencies {
{dependencies}
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:{coroutines}")

    androidTestImplementation("androidx.test.ext:junit:1.2.1")
    androidTestImplementation("androidx.test:runner:1.6.2")

    testImplementation("junit:junit:4.13.2")
    testImplementation("org.json:json:20240303")
}
