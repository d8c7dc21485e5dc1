"""A checkpoint as LiteRT: one file, one signature a shape, weights shared; with `int8` quantised as its maker advises.

    .venv-litert/bin/python benchmarks/peers/convert_litert.py CHECKPOINT OUTPUT.tflite float32|int8 1x16 1x64 …

litert-torch traces fixed shapes, so every shape that is to run has its signature, named by it.
"""

import sys
from inspect import signature

import litert_torch
import torch
from ai_edge_quantizer import quantizer, recipe
from transformers import AutoModelForSequenceClassification


class Logits(torch.nn.Module):
    """The model with positional inputs and its logits as the only output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None = None) -> torch.Tensor:
        """[B, S] each → [B, labels]; a family without token types is given none."""
        more = {} if types is None else {"token_type_ids": types}
        logits: torch.Tensor = self.model(input_ids=ids, attention_mask=mask, **more).logits
        return logits


def main(checkpoint: str, output: str, precision: str, *shapes: str) -> None:
    """Convert, and quantise if asked."""
    loaded = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager"
    )
    model, converter = Logits(loaded).eval(), litert_torch
    values = (100, 1, 0) if "token_type_ids" in signature(loaded.forward).parameters else (100, 1)
    for shape in shapes:
        sizes = [int(size) for size in shape.split("x")]
        # One tensor each: a tensor given twice is one input to torch.export, and the ids would be read from the mask.
        inputs = tuple(torch.full(sizes, value, dtype=torch.int32) for value in values)
        converter = converter.signature(f"shape_{shape}", model, inputs)
    converter.convert().export(output)
    if precision == "int8":
        quantised = quantizer.Quantizer(output, recipe.dynamic_wi8_afp32()).quantize()
        quantised.export_model(output, overwrite=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
