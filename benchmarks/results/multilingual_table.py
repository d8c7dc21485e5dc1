"""A multilingual model with its vocabulary trimmed, as a table."""

from typing import Any

_HEAD = """| bundle | rows | MB | least cosine | mean cosine |
| --- | ---: | ---: | ---: | ---: |"""


def table(record: dict[str, Any]) -> str:
    """One row for each bundle, and what the texts were."""
    rows = [_row(name, one, record) for name, one in record["bundles"].items()]
    texts = next(iter(record["bundles"].values()))["sentences"]
    share = record["texts_that_keep_their_tokens"]
    said = f"{texts} texts whose tokens all stay: {share:.0%} of those drawn. Weights: {record['weights']}."
    return "\n".join([_HEAD, *rows, "", said])


def _row(name: str, one: dict[str, Any], record: dict[str, Any]) -> str:
    (scheme, comma, rest), size = name.partition(","), one["size_bytes"] / 1e6
    rows, whole = record["rows"], record["geometry"]["rows"]
    cosines = f"{one['least_cosine']:.4f} | {one['mean_cosine']:.4f}"
    return f"| `{scheme}`{comma}{rest} | {rows:,} of {whole:,} | {size:.1f} | {cosines} |"
