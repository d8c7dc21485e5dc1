"""Names of an Android kit: its folder's as a name in Kotlin, and the package of its code.

The package is the module's `namespace`, which Gradle writes into its manifest: there `aapt2` refuses one segment alone,
as Android does (https://developer.android.com/build/configure-app-module#set-namespace).
"""

import re

from runtimes.errors import UsageError

_SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OF_KOTLIN = (
    "as break class continue do else false for fun if in interface is null object package return super this throw true "
    "try typealias typeof val var when while"
)
_OF_JAVA = (
    "abstract assert boolean byte case catch char const default double enum extends final finally float goto "
    "implements import instanceof int long native new private protected public short static strictfp switch "
    "synchronized throws transient void volatile"
)
"""Gradle writes a class of the package in Java."""
_KEYWORDS = {*_OF_KOTLIN.split(), *_OF_JAVA.split()}


def kit_name(folder: str) -> str:
    """The folder's name as a segment of a package. Raises UsageError where there is none in it."""
    name = "".join(c for c in folder.lower() if c.isascii() and c.isalnum())
    if not name[:1].isalpha() or name in _KEYWORDS:
        raise UsageError(
            f"{folder}: expected a folder whose name can be a Kotlin package's; -o MyModelKit, for instance"
        )
    return name


def check_package(package: str) -> None:
    """Raises UsageError for what is no Android package name that Kotlin and Java take."""
    segments = package.split(".")
    wrong = [one for one in segments if not _SEGMENT.fullmatch(one) or one in _KEYWORDS]
    if wrong or len(segments) < 2:
        raise UsageError(
            f"--package {package}: expected an Android package name, two or more segments of letters, digits and _ "
            "that begin with a letter and are no keyword; --package com.example.news, for instance"
        )
