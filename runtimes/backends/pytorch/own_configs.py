"""Configs of the models that transformers has no class for, and those of its own; imports no torch by itself."""

from collections.abc import Mapping
from typing import Any

import transformers


class StaticConfig(transformers.PretrainedConfig):  # type: ignore[misc]  # transformers has no types
    """Of a table of static embeddings, with the defaults of the family's schema."""

    model_type = "model2vec"

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 256,
        max_position_embeddings: int = 512,
        pad_token_id: int = 0,
        unk_token_id: int | None = None,
        tie_word_embeddings: bool = True,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.max_position_embeddings = max_position_embeddings
        self.pad_token_id, self.unk_token_id = pad_token_id, unk_token_id
        self.tie_word_embeddings = tie_word_embeddings


_OWN: Mapping[str, type[transformers.PretrainedConfig]] = {StaticConfig.model_type: StaticConfig}


def config_for(model_type: str, **values: Any) -> Any:
    """The config of a model of that type. Raises what transformers raises for values that it does not take."""
    own = _OWN.get(model_type)
    return own(**values) if own else transformers.AutoConfig.for_model(model_type, **values)
