"""Models that transformers has no class for, made like its own; and its classes by their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from transformers.utils import ModelOutput

from runtimes.backends.pytorch.own_configs import StaticConfig


@dataclass
class TableOutput(ModelOutput):  # type: ignore[misc]  # transformers has no types
    """The rows [B, S, H], and the mask [B, S] of those that count."""

    last_hidden_state: torch.Tensor | None = None
    attention_mask: torch.Tensor | None = None


class StaticModel(transformers.PreTrainedModel):  # type: ignore[misc]  # transformers has no types
    """The rows of a table for the tokens, [B, S] → [B, S, H], of which Model2Vec's unknown token does not count."""

    config_class = StaticConfig

    def __init__(self, config: StaticConfig) -> None:
        super().__init__(config)
        self.embedding = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.unknown = config.unk_token_id
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> TableOutput:
        """See nn.Module."""
        known = torch.ones_like(input_ids) if self.unknown is None else (input_ids != self.unknown).long()
        return TableOutput(self.embedding(input_ids), attention_mask * known)


_OWN: Mapping[str, type[transformers.PreTrainedModel]] = {"StaticModel": StaticModel}


def model_class(name: str) -> Any:
    """The class of that name. Raises AttributeError for one that there is not."""
    return _OWN.get(name) or getattr(transformers, name)
