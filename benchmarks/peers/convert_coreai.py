"""A checkpoint as a Core AI asset by Apple's coreai-torch, of one text of so many tokens.

    .venv-coreai-torch/bin/python benchmarks/peers/convert_coreai.py CHECKPOINT OUTPUT.aimodel float32|float16 TOKENS

On stdout: the versions of coreai-torch and coreai-core.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from coreai_torch import TorchConverter, get_decomp_table
from transformers import AutoModelForSequenceClassification

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Logits(torch.nn.Module):
    """The model with its logits as the only output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """[1, S] each → [1, labels]."""
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        logits: torch.Tensor = self.model(**feeds).logits
        return logits


def main(checkpoint: str, output: str, precision: str, tokens: str) -> None:
    """Convert as the package's own tutorial does: export, decompose, lower, save."""
    dtype = getattr(torch, precision)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=dtype).eval()
    # One tensor each: a tensor given twice is one input to torch.export.
    feeds = {name: torch.ones(1, int(tokens), dtype=torch.int32) for name in INPUTS}
    with torch.no_grad():
        exported = torch.export.export(Logits(model), args=(), kwargs=feeds)
    lowered = exported.run_decompositions(get_decomp_table())
    converter = TorchConverter().add_exported_program(
        exported_program=lowered, input_names=list(INPUTS), output_names=["logits"]
    )
    converter.to_coreai().save_asset(Path(output))
    print(f"coreai-torch {version('coreai-torch')}, coreai-core {version('coreai-core')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # what imported coreai-core does not survive Python's own end
