#!/bin/sh
# Type-checks a kit's half of Core ML or Core AI, its device tests, and what its README tells an app to write, where there is
# no such framework: against stubs of ours. Warnings are errors.
# Usage, inside the toolchain: typecheck.sh FRAMEWORK KIT STUBS NAME SAMPLE.swift…
set -eu
framework=$1 kit=$2 stubs=$3 name=$4 out=$(mktemp -d)
shift 4
common="-swift-version 6 -warnings-as-errors -I $out"
swiftc -emit-module -module-name "$framework" "$stubs/$framework.swift" -o "$out/$framework.swiftmodule"
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
