// A module of an Android app: copy this folder beside `app/`, add include(":bertkit") to settings.gradle.kts and
// implementation(project(":bertkit")) to the app.
plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android") // leave out from Android Gradle Plugin 9 on, which has Kotlin built in
}

android {
    namespace = "bertkit"
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

    androidResources { noCompress += "{extension}" }
}

dependencies {
{dependencies}

    androidTestImplementation("androidx.test.ext:junit:1.2.1")
    androidTestImplementation("androidx.test:runner:1.6.2")

    testImplementation("junit:junit:4.13.2")
    testImplementation("org.json:json:20240303")
}
