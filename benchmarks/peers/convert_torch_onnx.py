"""A checkpoint through plain `torch.onnx.export` with dynamic shapes, as its documentation shows.

.venv-optimum/bin/python benchmarks/peers/convert_torch_onnx.py CHECKPOINT OUTPUT.onnx
"""

import sys

import torch
from transformers import AutoModelForSequenceClassification

NAMES = ("input_ids", "attention_mask", "token_type_ids")


class Logits(torch.nn.Module):
    """The model with its logits as the only output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """[B, S] each → [B, labels]."""
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        logits: torch.Tensor = self.model(**feeds).logits
        return logits


def main(checkpoint: str, output: str) -> None:
    """Export."""
    model = Logits(AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32)).eval()
    # One tensor each: a tensor given twice is one input to torch.export, and the ids would be read from the mask.
    ids, mask, types = (torch.full((2, 16), value, dtype=torch.int64) for value in (100, 1, 0))
    axes = {0: torch.export.Dim("batch", max=4096), 1: torch.export.Dim("sequence", max=512)}
    torch.onnx.export(
        model,
        (ids, mask, types),
        output,
        dynamo=True,
        input_names=NAMES,
        output_names=["logits"],
        dynamic_shapes=dict.fromkeys(NAMES, axes),
        external_data=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
