"""Models that transformers has no class for, made like its own; and its classes by their names."""

from collections.abc import Mapping
from typing import Any

import torch
import transformers
from transformers.modeling_outputs import BaseModelOutput

from runtimes.backends.pytorch.own_configs import StaticConfig


class StaticModel(transformers.PreTrainedModel):  # type: ignore[misc]  # transformers has no types
    """The rows of a table for the tokens, [B, S] → [B, S, H]; Model2Vec and sentence-transformers take their mean."""

    config_class = StaticConfig

    def __init__(self, config: StaticConfig) -> None:
        super().__init__(config)
        self.embedding = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.post_init()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> BaseModelOutput:
        """See nn.Module."""
        return BaseModelOutput(last_hidden_state=self.embedding(input_ids))


_OWN: Mapping[str, type[transformers.PreTrainedModel]] = {"StaticModel": StaticModel}


def model_class(name: str) -> Any:
    """The class of that name. Raises AttributeError for one that there is not."""
    return _OWN.get(name) or getattr(transformers, name)
