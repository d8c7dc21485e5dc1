"""What a session makes once is made by one process for all, whole, and seen when a test writes into it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.made_once import MadeOnce

CHILD = """
import sys, time
from pathlib import Path
from tests.made_once import MadeOnce
def make(folder):
    time.sleep(0.2)
    (folder / "by").write_text(sys.argv[2])
print(MadeOnce(Path(sys.argv[1]))("one/name", make).joinpath("by").read_text())
"""


def write(text):
    return lambda folder: (folder / "file").write_text(text)


def test_the_second_is_given_what_the_first_made(tmp_path):
    first, second = (MadeOnce(tmp_path)("a/name", write(text)) for text in ("first", "second"))
    assert first == second == tmp_path / "a/name"
    assert (first / "file").read_text() == "first"
    assert (MadeOnce(tmp_path)("another", write("second")) / "file").read_text() == "second"


def test_of_processes_that_ask_at_once_one_makes_it(tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    root = Path(__file__).parent.parent
    several = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, cwd=root) for name in "abc"]
    said = [one.communicate()[0].strip() for one in several]
    assert said[0] in {"a", "b", "c"}
    assert said == [said[0]] * 3


def test_what_failed_halfway_is_made_anew(tmp_path):
    def fail(folder):
        (folder / "half").write_text("")
        raise OSError

    made = MadeOnce(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - its own
        made("name", fail)
    assert [path.name for path in made("name", write("whole")).iterdir()] == ["file"]


@pytest.mark.parametrize(
    "change", [lambda file: file.write_text("y"), Path.unlink, lambda file: file.with_name("z").touch()]
)
def test_a_folder_that_a_test_wrote_into_is_named(tmp_path, change):
    made = MadeOnce(tmp_path)
    folder = made("a/name", write("x"))
    made("untouched", write("x"))
    assert made.changed() == []
    change(folder / "file")
    assert made.changed() == ["a/name"]
