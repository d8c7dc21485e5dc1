"""Texts of a file that an option names."""

import pytest

from exporter.options.text_files import texts
from runtimes.errors import UsageError


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\n\xff", "line 2: expected UTF-8, found byte 0xff"),
        (b" \n\n", "holds no text; write one a line"),
        (b"a\tb\nc\td\ne\n", "1 tabs in the first text and 0 in text 3; a tab parts texts of a pair"),
    ],
)
def test_a_file_of_texts_that_is_none_is_refused(tmp_path, content, words):
    (tmp_path / "texts.txt").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        texts(tmp_path / "texts.txt")


def test_lines_are_texts(tmp_path):
    (tmp_path / "texts.txt").write_text("a\tb\n\nc\td\n")
    assert texts(tmp_path / "texts.txt") == ("a\tb", "c\td")
    assert texts(None) == ()
