"""The model card of the demo checkpoint."""

from typing import Any

_TEXT = """\
---
license: apache-2.0
pipeline_tag: text-classification
---

# bertport demo: BERT-tiny on AG News

Sorts English news into {labels}. The geometry of BERT-tiny (2 layers, hidden 128, 2 heads, feed-forward 512, vocabulary
30,522 of bert-base-uncased): {parameters:,} parameters, stored as float16. Made to try an exporter on a model with real
weights, not to be anyone's news desk.

| official AG News test, {rows:,} rows | |
| --- | ---: |
| accuracy, 128 tokens | {accuracy:.4f} |
{f1}

Trained by `benchmarks/models/train_demo.py` from random weights: masked-language pre-training on {news_epochs} passes
over 14,552 AG News training texts and one over those of IMDB and RTE, then fine-tuning on the same 14,552 rows less
1,000 held out (accuracy {held_out:.4f} there), once for each of {runs} learning rates, the weights averaged. No text of
the official test was seen in either; the test was read at the end. The published figure for a BERT-tiny that was
pre-trained on far more text is 0.876.

`test_rows.jsonl` holds the first 500 rows of the official test, as real text for parity runs.
"""


def write_card(figures: dict[str, Any]) -> str:
    """Render the card from what `train_demo.py` measured."""
    test = figures["official_test"]
    f1 = "\n".join(f"| F1 {label} | {score:.4f} |" for label, score in test["f1"].items())
    return _TEXT.format(
        labels=", ".join(test["f1"]),
        parameters=figures["parameters"],
        rows=test["rows"],
        accuracy=test["accuracy"],
        f1=f1,
        held_out=figures["held_out_accuracy"],
        news_epochs=figures["news_epochs"],
        runs=figures["runs"],
    )
