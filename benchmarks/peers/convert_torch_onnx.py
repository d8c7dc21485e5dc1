"""A checkpoint through plain `torch.onnx.export` with dynamic shapes, as its documentation shows.

.venv-optimum/bin/python benchmarks/peers/convert_torch_onnx.py CHECKPOINT OUTPUT.onnx
"""

import sys
from inspect import signature

import torch
from transformers import AutoModelForSequenceClassification

NAMES = ("input_ids", "attention_mask", "token_type_ids")


class Logits(torch.nn.Module):
    """The model with its logits as the only output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """[B, S] each → [B, labels]; a family without token types is given none."""
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask}
        feeds |= {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        logits: torch.Tensor = self.model(**feeds).logits
        return logits


def main(checkpoint: str, output: str) -> None:
    """Export."""
    loaded = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32)
    model, names = Logits(loaded).eval(), [name for name in NAMES if name in signature(loaded.forward).parameters]
    # One tensor each: a tensor given twice is one input to torch.export, and the ids would be read from the mask.
    values = tuple(torch.full((2, 16), value, dtype=torch.int64) for value in (100, 1, 0))[: len(names)]
    axes = {0: torch.export.Dim("batch", max=4096), 1: torch.export.Dim("sequence", max=512)}
    torch.onnx.export(
        model,
        values,
        output,
        dynamo=True,
        input_names=names,
        output_names=["logits"],
        dynamic_shapes=dict.fromkeys(names, axes),
        external_data=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
