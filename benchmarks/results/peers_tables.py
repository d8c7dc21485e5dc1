"""Tables of the records in artifacts/peers/: bertport beside its peers on one checkpoint and processor."""

from math import prod
from statistics import median
from typing import Any

BASE, REFERENCE, OURS = "Optimum float32", "PyTorch eager", "bertport "
_LONG = ("1x128", "1x512")
_TIME, _WORK, _PEAK = "latency ", "÷ work, ", "peak MB, "
_FORMATS = {"MB": ".2f", "load ms": ".0f", _TIME: ".2f", _WORK: ".2f", _PEAK: ".0f"} | {
    "max diff": ".1e",
    "mean diff": ".1e",
    "agreement": ".4f",
    "accuracy": ".4f",
}
"""How the figures of the columns that start so are written."""
_MORE_IS_BETTER = ("agreement", "accuracy")

Figures = dict[str, dict[str, float]]
"""Row → column → figure."""


def markdown(columns: list[str], rows: list[list[str]], figures: bool = True) -> str:
    """A table; the first column to the left, the others to the right where they hold figures."""
    rule = ["---"] + ["---:" if figures else "---"] * (len(columns) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rule, *rows])


def tables(found: dict[str, Any]) -> str:
    """Speed and memory, faithfulness, and what could not be run with the reason."""
    rows = [row for row in found["rows"] if not row["error"]]
    peak = gemm_peak(found["gemm_s"])
    speed = {row["name"]: _speed(row, found["matrix_flop"], peak) for row in rows}
    base = {name: value for name, value in speed[BASE].items() if name.startswith(_TIME)}
    ratios = {
        name: {column: value / base.get(column, 1) for column, value in row.items()} for name, row in speed.items()
    }
    milliseconds = ", ".join(f"{name.removeprefix(_TIME)}: {value * 1e3:.2f}" for name, value in base.items())
    notes = [f"1.00 in milliseconds: {milliseconds}. float32 matrix products of one thread: {peak / 1e9:.0f} GFLOP/s."]
    notes += [f"{found['test_rows']:,} rows of text are answered."]
    notes += [f"{row['name']}: not run ({row['error']})." for row in found["rows"] if row["error"]]
    faithful = {row["name"]: _faithful(row["faithfulness"]) for row in rows}
    return "\n\n".join([_drawn(ratios), _drawn(faithful), "\n".join(notes)])


def summary(found: dict[str, Any]) -> Figures:
    """The latency of ours, and of the best peer at each size, as ratios to Optimum's float32."""
    rows = {row["name"]: row for row in found["rows"] if not row["error"]}
    base = latencies(rows[BASE])
    ratios = {name: {case: value / base[case] for case, value in latencies(row).items()} for name, row in rows.items()}
    peers = [row for name, row in ratios.items() if not name.startswith(OURS)]
    best = {case: min(row[case] for row in peers) for case in base}
    ours = [name for name in _SHORT_OURS if f"{OURS}{name}" in ratios]  # a record is of the targets of its day
    return {f"{OURS}`{name}`": ratios[f"{OURS}{name}"] for name in ours} | {"best peer": best}


_SHORT_OURS = ("none", "int8", "LiteRT none", "LiteRT int8")


def latencies(row: dict[str, Any]) -> dict[str, float]:
    """Case → seconds, the median over all rounds."""
    cases = row["rounds"][0]["latency_s"]
    return {case: median(value for done in row["rounds"] for value in done["latency_s"][case]) for case in cases}


def gemm_peak(gemm_s: dict[str, list[float]]) -> float:
    """Floating-point operations a second of the best library and size, by its median."""
    return max(2 * prod(map(int, name.split()[-1].split("x"))) / median(values) for name, values in gemm_s.items())


def _speed(row: dict[str, Any], flop: dict[str, int], peak: float) -> dict[str, float]:
    """Medians over all rounds, seconds; ÷ work: over what the matrix products alone take at the peak."""
    rounds = row["rounds"]
    times = latencies(row)
    memory = {shape: median(done["peak_rss_bytes"][shape] for done in rounds) for shape in _LONG}
    return {
        "MB": row["size_bytes"] / 1e6,
        "load ms": median(done["load_s"] for done in rounds) * 1e3,
        **{f"{_TIME}{title(case)}": value for case, value in times.items()},
        **{f"{_WORK}{title(shape)}": times[shape] * peak / flop[shape] for shape in _LONG},
        **{f"{_PEAK}{title(shape)}": value / 1e6 for shape, value in memory.items()},
    }


def _faithful(figures: dict[str, float]) -> dict[str, float]:
    return {name.replace("_absolute", " diff"): value for name, value in figures.items()}


def title(case: str) -> str:
    """The heading of a case's column: the tokens of a batch [1, S], rows × tokens, or the case's own name."""
    rows, by, tokens = case.partition("x")
    if not (by and rows.isdigit() and tokens.isdigit()):
        return case
    return tokens if rows == "1" else f"{rows} × {tokens}"


def _drawn(rows: Figures) -> str:
    """Markdown, the best of every column in bold; PyTorch itself is not in the running."""
    columns = list(next(iter(rows.values())))
    head = ["", *(column.removeprefix(_TIME) for column in columns)]
    cells = {column: _column(column, {name: row[column] for name, row in rows.items()}) for column in columns}
    lines = [[name, *(cells[column][name] for column in columns)] for name in rows]
    rule = ["---"] + ["---:"] * len(columns)
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])


def _column(column: str, figures: dict[str, float]) -> dict[str, str]:
    form = next(form for start, form in _FORMATS.items() if column.startswith(start))
    texts = {name: format(figure, form) for name, figure in figures.items()}
    running = [name for name in figures if name != REFERENCE]
    best = (max if column in _MORE_IS_BETTER else min)(running, key=figures.__getitem__)
    return {name: f"**{text}**" if text == texts[best] and name != REFERENCE else text for name, text in texts.items()}
