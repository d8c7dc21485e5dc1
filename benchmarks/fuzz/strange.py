"""Values that no honest file holds, and that code somewhere has stumbled over."""

STRANGE_NUMBERS = (0, -1, 1, 2, 255, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**30, 0.5, 1e308)
STRANGE_TEXTS = (
    "",
    "..",
    "../../../etc/passwd",
    "/etc/passwd",
    "\x00",
    "\ud800",
    "\x1b[2J",
    "a\nb",
    "é" * 300,
    "x" * 70_000,
    "@model_path/../../x",
    "__import__('os').system('true')",
    "{{ cycler.__init__.__globals__ }}",
    "nan",
    "[PAD]",
    "1e999",
)
STRANGE_VALUES = (None, True, False, [], {}, [[]], [None], {"": None}, {"0": 0}, *STRANGE_NUMBERS, *STRANGE_TEXTS)
