#!/bin/sh
# Type-checks the Core ML half of a kit, its device tests, and what its READMEs tell an app to write, where there is no Core ML: against stubs of ours.
# Warnings are errors. Usage, inside the toolchain: typecheck.sh KIT STUBS NAME SAMPLE.swift…
set -eu
kit=$1 stubs=$2 name=$3 out=$(mktemp -d)
shift 3
common="-swift-version 6 -warnings-as-errors -I $out"
swiftc -emit-module -module-name CoreML "$stubs/CoreML.swift" -o "$out/CoreML.swiftmodule"
# shellcheck disable=SC2046,SC2086
swiftc -emit-module -enable-testing $common -module-name "$name" -o "$out/$name.swiftmodule" \
    $(find "$kit/Sources" -name '*.swift') "$stubs/ResourceAccessor.swift"
# shellcheck disable=SC2046,SC2086
swiftc -typecheck $common -module-name "${name}Tests" \
    $(find "$kit/Tests" -name '*.swift') "$stubs/ResourceAccessor.swift" "$stubs/XCTestAdditions.swift"
for sample in "$@"; do
    # shellcheck disable=SC2086
    swiftc -typecheck $common "$sample"
done
