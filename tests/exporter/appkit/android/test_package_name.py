"""An Android kit's package: what Android's own linker takes is taken, and what it refuses is refused."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from exporter.appkit.android.package_name import check_package, kit_name
from runtimes.errors import UsageError

TAKEN = ("dev.bertport.newskit", "com.example.news_2", "A.b")
REFUSED = ("newskit", "com.1news", "com..news", ".com.news", "com.news.", "com.ne-ws", "com.n\u00e9ws", "_com.news", "")
OF_LANGUAGES = ("com.example.when", "com.native.news", "com.class.news")
"""Android would take them; Kotlin, or the Java that Gradle writes, would not."""


@pytest.fixture(scope="module")
def target():
    return "onnx"


@pytest.fixture(scope="module")
def link(tmp_path_factory):
    """What `aapt2 link` says of a manifest of the package, as Gradle merges it; "" where it links."""
    if shutil.which("aapt2") is None and not os.environ.get("CI"):
        pytest.skip("no aapt2: apt-get install aapt")
    folder = tmp_path_factory.mktemp("aapt2")

    def run(package: str, manifest: str = "<manifest />") -> str:
        tree = ElementTree.fromstring(manifest)
        tree.set("package", package)
        (folder / "AndroidManifest.xml").write_text(ElementTree.tostring(tree, "unicode"), encoding="utf-8")
        command = ["aapt2", "link", "--manifest", "AndroidManifest.xml", "-o", "out.apk"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr if done.returncode else ""

    return run


@pytest.mark.parametrize("package", TAKEN)
def test_what_android_takes_is_taken(package, link):
    check_package(package)
    assert link(package) == ""


@pytest.mark.parametrize("package", REFUSED)
def test_what_android_refuses_is_refused_with_an_example(package, link):
    with pytest.raises(UsageError, match=r"expected an Android package name.*--package com\.example\.news"):
        check_package(package)
    assert link(package)


@pytest.mark.parametrize("package", OF_LANGUAGES)
def test_keywords_are_refused(package):
    with pytest.raises(UsageError, match="no keyword"):
        check_package(package)


@pytest.mark.parametrize("folder", ["when", "123", "native", "\u5317"])
def test_a_folder_without_a_name_is_refused(folder):
    with pytest.raises(UsageError, match="Kotlin package"):
        kit_name(folder)


@pytest.mark.parametrize(
    ("more", "package"), [((), "dev.bertport.mymodelkit"), (("--package", "com.bertkit.news"), "com.bertkit.news")]
)
def test_the_kit_is_in_its_package_and_its_manifest_links(
    more, package, checkpoint, make_own, make_kit, link, tmp_path, capsys
):
    kit = tmp_path / "My-Model Kit"
    assert make_kit(make_own(checkpoint), kit, *more) == 0
    sources = kit / "src" / "main" / "kotlin" / Path(*package.split("."))
    assert len(list(sources.iterdir())) > 10
    code = list(kit.rglob("*.kt"))
    assert all(path.read_text().split("\n")[0] == f"package {package}" for path in code)
    texts = [path.read_text() for path in (*code, kit / "README.md", kit / "build.gradle.kts")]
    assert not [text for text in texts if "bertkit" in text.replace(package, "")]
    assert (kit / "src" / "main" / "assets" / "mymodelkit" / "kit.json").is_file()
    (namespace,) = re.findall(r'namespace = "(.*)"', (kit / "build.gradle.kts").read_text())
    assert namespace == package
    assert link(namespace, (kit / "src" / "main" / "AndroidManifest.xml").read_text()) == ""


def test_a_package_that_is_none_is_refused_before_anything_is_read(make_kit, tmp_path, capsys):
    assert make_kit(tmp_path / "no bundle", tmp_path / "Kit", "--package", "news") == 2
    assert "--package news: expected an Android package name" in capsys.readouterr().err


def test_gradles_file_has_kotlin_of_the_plugin_alone_where_android_has_none_and_one_jvm(
    checkpoint, make_own, make_kit, tmp_path
):
    """Rules of Gradle's, which is not here: the Kotlin plugin beside AGP 9's own Kotlin, or two JVMs, stop a build."""
    assert make_kit(make_own(checkpoint), tmp_path / "Kit") == 0
    text = (tmp_path / "Kit" / "build.gradle.kts").read_text()
    plugins = re.findall(r"plugins \{(.*?)\}", text, re.DOTALL)
    assert [re.findall(r'id\("(.*?)"\)', one) for one in plugins] == [["com.android.library"]]
    assert 'if (extensions.findByName("kotlin") == null) apply(plugin = "org.jetbrains.kotlin.android")' in text
    assert set(re.findall(r"(?:VERSION|JVM)_(\d+)", text)) == {"17"}
    assert len(re.findall(r"(?:VERSION|JVM)_17", text)) == 3
