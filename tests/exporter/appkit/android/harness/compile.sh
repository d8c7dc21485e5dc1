#!/usr/bin/env bash
# compile.sh KIT OUT ROOT: compiles an Android kit, its tests, the stub of Android, Tokenize.kt and Ask.kt with Kotlin's compiler for
# the JVM into the folder OUT; warnings are errors. ROOT is the repository, with .npm and .jvm made.
set -euo pipefail
kit=$1 out=$2 root=$3
here=$(dirname "$0")
package=$(basename "$(echo "$kit"/src/main/kotlin/*)")
mkdir -p "$out.source"
for file in Tokenize Ask; do sed "s/^package testedkit/package $package/" "$here/$file.kt" > "$out.source/$file.kt"; done
JAVA_OPTS="-Xmx1g -XX:TieredStopAtLevel=1" bash "$root/.npm/node_modules/kotlin-compiler/bin/kotlinc" -Werror -jvm-target 17 \
    -classpath "$root/.jvm/onnxruntime.jar:$root/.jvm/json.jar:$root/.jvm/junit.jar:$root/.jvm/hamcrest.jar" \
    -d "$out" "$kit"/src/*/kotlin "$here"/stubs "$out.source"
