"""Drop the keys of a config.json that change no output of an encoder and make libraries fail.

transformers checks the types of most of them while it makes a config, and takes others for what to return or how to
run. What it would not take is left out, so that a bundle's config.json loads wherever the model does.
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from exporter.checkpoint.json_files import FORBIDDEN

_Share = Annotated[float, Field(ge=0, le=1)]
_Token = Annotated[int, Field(ge=0, le=1 << 24)]
_Dtype = Literal["float32", "float16", "bfloat16", "float64"]


def _usual(position: bool) -> AfterValidator:
    """A switch in another position is left out; Literal[False] would let 0 pass, which transformers does not."""

    def check(found: bool) -> bool:
        if found is not position:
            raise ValueError("not the usual position")
        return found

    return AfterValidator(check)


def _no_whole_number(found: object) -> object:
    """transformers takes 1 for no float here, and pydantic does."""
    if type(found) is not float:
        raise ValueError("no float")
    return found


_Float = Annotated[float, BeforeValidator(_no_whole_number), Field(ge=0)]
_On = Annotated[bool, _usual(True)]
_Off = Annotated[bool, _usual(False)]


class Neutral(BaseModel):
    """What such a key may hold: its type in transformers, and of a switch its usual position alone."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    transformers_version: str | None = None
    dtype: _Dtype | None = None
    torch_dtype: _Dtype | None = None
    finetuning_task: str | None = None
    # how to train
    hidden_dropout_prob: _Share = 0
    attention_probs_dropout_prob: _Share = 0
    classifier_dropout: _Share | None = None
    classifier_dropout_prob: _Share = 0
    pooler_dropout: _Share = 0
    embedding_dropout: _Share = 0
    mlp_dropout: _Share = 0
    dropout: _Share = 0
    attention_dropout: _Share = 0
    qa_dropout: _Share = 0
    seq_classif_dropout: _Share = 0
    summary_first_dropout: _Share = 0
    summary_last_dropout: _Share = 0
    initializer_range: _Float = 0.0
    initializer_factor: _Float = 0.0
    initializer_cutoff_factor: _Float = 0.0
    sparse_prediction: bool = False
    sparse_pred_ignore_index: int = 0
    deterministic_flash_attn: bool = False
    gradient_checkpointing: bool = False
    sinusoidal_pos_embds: bool = False
    # how to generate
    use_cache: bool = True
    bos_token_id: _Token | None = None
    eos_token_id: _Token | list[_Token] | None = None
    sep_token_id: _Token | None = None
    cls_token_id: _Token | None = None
    unk_token_id: _Token | None = None
    mask_token_id: _Token | None = None
    decoder_start_token_id: _Token | None = None
    forced_bos_token_id: _Token | None = None
    forced_eos_token_id: _Token | list[_Token] | None = None
    # what to return, and how to run
    return_dict: _On = True
    output_hidden_states: _Off = False
    output_attentions: _Off = False
    torchscript: _Off = False
    is_decoder: _Off = False
    add_cross_attention: _Off = False
    is_encoder_decoder: _Off = False
    tie_encoder_decoder: _Off = False
    summary_proj_to_labels: _Off = False
    chunk_size_feed_forward: Annotated[int, Field(ge=0, le=0)] = 0
    pruned_heads: Annotated[dict[str, Any], Field(max_length=0)] = {}
    position_embedding_type: Literal["absolute"] = "absolute"
    num_labels: Annotated[int, Field(ge=0)] | None = None


_NAMES = """
    allow_global_per_layer_attribute_access attn_implementation attribute_map audio_config audio_encoder
    base_config_key base_model_ep_plan base_model_fsdp_plan base_model_pp_plan base_model_tp_plan compression_config
    convert_rope_params_to_dict decoder default_config_fields default_rope_type default_theta dict_dtype_to_str
    dict_torch_dtype_to_str encoder experts_implementation extra_config_files extra_files from_dict from_json_file
    from_pretrained from_text_vision_configs generator get_config_dict get_mtp_config get_text_config
    has_no_defaults_at_init ignore_keys_at_rope_validation is_composition is_custom_code is_heterogeneous
    is_remote_code keys_to_ignore_at_inference layer_types mlp_layer_types mtp_layer_types name_or_path
    nested_rope_parameter_keys per_layer_attributes per_layer_config push_to_hub register_for_auto_class
    rope_parameters rope_scaling rope_theta save_pretrained serialize_explicit_per_layer_config
    standardize_rope_params sub_configs sub_configs_defaults text_config text_encoder to_dict to_diff_dict
    to_json_file to_json_string update
    true_hidden_size update_from_string use_bfloat16 use_return_dict validate
    validate_architecture validate_layer_type validate_output_attentions validate_rope validate_token_ids
    vision_config
"""
RESERVED = frozenset(_NAMES.split())
"""Names that transformers' config classes (4.56 to 5.23) have for their own methods and properties, or act on for
models of other kinds: a key so called would take the place of a method, or be turned into something else."""

_KEPT = ("_name_or_path", "_num_labels")
"""Of the keys that begin like private names those that old versions wrote; they are texts and numbers."""


def without_stumbling_blocks(config: Mapping[str, Any], essential: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """The config without what libraries stumble over, and the keys that were left out; `essential` keys stay.

    A number that is none (NaN, Infinity) is no JSON: apps cannot read it wherever it stands.
    """
    strange = {key for key, value in config.items() if not _is_finite(value)}
    strange |= (RESERVED | FORBIDDEN.keys()).intersection(config) | _mistyped(config)
    strange |= {key for key in config if not key.isidentifier() or (key.startswith("_") and key not in _KEPT)}
    strange |= {key for key in _KEPT if not isinstance(config.get(key, ""), str | int)}
    left_out = [key for key in config if key in strange and key not in essential]
    return {key: value for key, value in config.items() if key not in left_out}, left_out


def _mistyped(config: Mapping[str, Any]) -> set[str]:
    try:
        Neutral.model_validate(config)
    except ValidationError as error:
        return {str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False)}
    return set()


def _is_finite(value: object) -> bool:
    return all(not isinstance(one, float) or isfinite(one) for one in _values(value))


def _values(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
        else:
            yield one
