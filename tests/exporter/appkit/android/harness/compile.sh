#!/usr/bin/env bash
# compile.sh KIT OUT ROOT: compiles an Android kit, its tests, the stubs of Android and LiteRT, and the .kt beside it, with Kotlin's
# compiler for the JVM into the folder OUT; warnings are errors. ROOT is the repository, with .npm and .jvm made. A LiteRT kit's own
# tests on a desktop leave the model out: here, where LiteRT has a stand-in, it is given the test of the model, and of the stand-in.
set -euo pipefail
kit=$1 out=$2 root=$3
here=$(dirname "$0")
package=$(sed -n 's/.*namespace = "\(.*\)"/\1/p' "$kit/build.gradle.kts")
sources=$kit/src/main/kotlin/${package//.//} name=$(basename "$(echo "$kit"/src/main/assets/*)")
mkdir -p "$out.source"
for file in Tokenize Ask Interleave; do sed "s/^package .*/package $package/" "$here/$file.kt" > "$out.source/$file.kt"; done
if [ -f "$sources/LiteRtModel.kt" ]; then
    sed "s/^package .*/package $package/; s/bertkit/$name/" "$root/exporter/appkit/android/onnx/src/test/kotlin/bertkit/ModelTest.kt" > "$out.source/ModelTest.kt"
    sed "s/^package .*/package $package/; s/testedkit/$name/" "$here/litert/LiteRtTest.kt" > "$out.source/LiteRtTest.kt"
fi
mkdir -p "$out"
javac -Xlint:all -Werror --release 17 -classpath "$root/.jvm/json.jar" -d "$out" "$here"/litert/org/tensorflow/lite/*.java
JAVA_OPTS="-Xmx1g -XX:TieredStopAtLevel=1" bash "$root/.npm/node_modules/kotlin-compiler/bin/kotlinc" -Werror -jvm-target 17 \
    -classpath "$out:$root/.jvm/onnxruntime.jar:$root/.jvm/json.jar:$root/.jvm/junit.jar:$root/.jvm/hamcrest.jar:$root/.npm/node_modules/kotlin-compiler/lib/kotlinx-coroutines-core-jvm.jar" \
    -d "$out" "$kit"/src/*/kotlin "$here"/stubs "$out.source"
