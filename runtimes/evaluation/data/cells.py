"""Parsing a cell of a table as the list, record or number written into it.

pandas writes a list into a CSV file as Python spells it, `['B-PER', 'O']`, numpy without commas, `['B-PER' 'O']` or
`array([0, 1], dtype=int32)`, and other tools as JSON. All of them are read alike, and by nobody's eval: Python's own
reader would join `'a' 'b'` to one text. What is not certainly one of them raises ValueError, for a guess would change a
figure that someone decides by. Sources: Python's repr, numpy's array2string and array_repr, RFC 8259.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_PAIRS = {"[": "]", "(": ")", "{": "}"}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<call>(?:(?:np|numpy)\.)?(?:array|tensor|(?:u?int|float)(?:8|16|32|64)|str_|bool_?)\s*\()
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>[\[\](){},:=])
    )""",
    re.VERBOSE,
)
_WORDS = {
    "None": None,
    "null": None,
    "True": True,
    "true": True,
    "False": False,
    "false": False,
    "nan": float("nan"),
    "NaN": float("nan"),
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "'": "'", '"': '"'}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_TORN = re.compile(r"""(?:[A-Za-z_][\w.]*\()?[\[{](?:\n\s*)?['"]|[A-Za-z_][\w.]*\([\[{]|"[\[{].*[\]}]"$""", re.DOTALL)
_VALUES = {"text", "number", "word"}
_DEEPEST = 4
"""Of a list in a record in a list in a call."""
SHOWN = 60
"""Characters of a cell in a message."""


def shown(cell: Any) -> str:
    """A cell as a message shows it."""
    text = repr(cell)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def looks_structured(cell: str) -> bool:
    """Whether a text is in brackets from end to end, or a call of numpy's: a list or record, and no words.

    So is one that begins as only a list does, `['a`, `{"a`, `list([` or `"[`, however it ends: a cell that a
    spreadsheet has cut off is no words either, and to read it is an error.
    """
    text = cell.strip()
    called = _TOKEN.match(text)
    if called and called["call"]:
        return text.endswith(")")
    if not text or text[0] not in _PAIRS:
        return _TORN.match(text) is not None
    return _closes_at(text) == len(text) - 1 or _TORN.match(text) is not None


def _closes_at(text: str) -> int:
    """Where the bracket that a text begins with is closed, brackets in quotes left aside; −1 where it is not."""
    close, depth = _PAIRS[text[0]], 0
    for found in re.finditer(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[\[\](){}]", text):
        if found[0] == text[0]:
            depth += 1
        elif found[0] == close:
            depth -= 1
            if not depth:
                return found.start()
    return -1


def read_cell(cell: str) -> Any:
    """The list, record or value that a text spells. Raises ValueError for what is not certainly one."""
    try:
        found = json.loads(cell)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except ValueError:
        return _Reader(cell).read()
    if isinstance(found, str) and looks_structured(found):
        raise ValueError("a list in quotes")
    return found


class _Reader:
    """Reads one value; `next` looks one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._next = next(self._tokens)

    def read(self) -> Any:
        """The whole text as one value."""
        found = self._value(0)
        if self._next != ("end", ""):
            raise ValueError(f"{self._next[1]!r} after its end")
        return found

    def _split(self) -> Iterator[tuple[str, str]]:
        at, text, before = 0, self._text.rstrip(), ""
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise ValueError(f"{text[at : at + 10].strip()!r} is no part of a list")
            if before in _VALUES and found.lastgroup in _VALUES and found.start(found.lastgroup) == at:
                raise ValueError(f"no blank and no comma before {found[0][:10]!r}")  # SQL's '' and a range's -
            before = found.lastgroup
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()
        while True:
            yield "end", ""

    def _take(self) -> tuple[str, str]:
        taken, self._next = self._next, next(self._tokens)
        return taken

    def _value(self, depth: int) -> Any:
        kind, text = self._take()
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if kind == "text":
            return unescaped(text[1:-1])
        if kind == "number":
            return float(text) if re.search(r"[.eE]", text) else int(text)
        if kind == "word" and text in _WORDS:
            return _WORDS[text]
        if kind == "call":
            return self._called(depth)
        if text in ("[", "("):
            return self._list(_PAIRS[text], depth)
        if text == "{":
            return self._record(depth)
        raise ValueError(f"{text!r} is no value" if text else "it ends early")

    def _list(self, close: str, depth: int) -> list[Any]:
        """Elements with commas between, or, as numpy writes them, with blanks: never with some of each."""
        found: list[Any] = []
        commas = between = 0
        while self._next[1] != close:
            found.append(self._value(depth + 1))
            if self._next == ("sign", ","):
                self._take()
                commas += 1
                between += self._next[1] != close
        self._take()
        if close == ")" and found and not commas:
            raise ValueError("one value in round brackets")
        if commas and between != len(found) - 1:
            raise ValueError("commas between some elements and not between others")
        return found

    def _record(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next[1] != "}":
            key = self._value(depth + 1)
            if not isinstance(key, str) or key in found or self._take()[1] != ":":
                raise ValueError("a record whose names are no texts, or that has one twice")
            found[key] = self._value(depth + 1)
            if self._next[1] == ",":
                self._take()
            elif self._next[1] != "}":
                raise ValueError("a record without commas")
        self._take()
        return found

    def _called(self, depth: int) -> Any:
        """What numpy calls an array or a number; `dtype=…` and its like are let go."""
        found = self._value(depth + 1)
        while self._next[1] == ",":
            self._take()
            name, sign = self._take(), self._take()
            if name[0] != "word" or sign[1] != "=":
                raise ValueError("an array of more than one value")
            self._skip_setting()
        if self._take()[1] != ")":
            raise ValueError("an array that does not end")
        return found

    def _skip_setting(self) -> None:
        if self._next[0] in ("text", "word", "number"):
            self._take()
        else:
            self._value(0)


def unescaped(text: str) -> str:
    """What is between the quotes of Python's or JSON's texts. Raises ValueError for an escape that neither writes."""
    if "\\" not in text:
        return text
    made = _ESCAPE.sub(_escaped, text)
    try:  # JSON writes what is beyond 16 bits as a pair
        return made.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise ValueError("half of a pair of UTF-16") from error


def _escaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(int(code, 16))
    if found[4] not in _ESCAPES:
        raise ValueError(f"\\{found[4]} is no escape")
    return _ESCAPES[found[4]]
