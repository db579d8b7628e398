"""Architectures in both directions: those known, and a GGUF file's metadata as a transformers configuration.

transformers reads what it knows of a file and silently leaves out the rest; here every key of the
architecture and every tensor has a place, or the file is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks_gguf import gguf_metadata
from slmworks_gguf.gguf_file import GgufFile

KNOWN: Mapping[str, tuple[str, ...]] = {
    "gemma2": ("Gemma2ForCausalLM",),
    "llama": ("LlamaForCausalLM", "MistralForCausalLM"),
    "phi3": ("Phi3ForCausalLM",),
    "qwen2": ("Qwen2ForCausalLM",),
    "qwen3": ("Qwen3ForCausalLM",),
}
"""`general.architecture` -> classes of transformers; each has a test in both directions."""
_TAKEN_OVER = {
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "rope.scaling.original_context_length": "original_max_position_embeddings",
}
"""Key -> name in the configuration, of what transformers leaves out."""
FILLED = ("Phi3ForCausalLM", "Qwen2ForCausalLM")
"""Classes whose heads together are as wide as the hidden states, in llama.cpp."""
GEMMA2, DEEPEST = "Gemma2ForCausalLM", 46
"""Class of Gemma 2, and the layers of its largest model."""
_UNSAID = {"rope_theta": 10000.0}
"""What llama.cpp takes where a file says nothing; transformers' defaults are those of one model."""
_NEEDED = (
    "attention.head_count", "attention.layer_norm_rms_epsilon", "block_count", "context_length",
    "embedding_length", "feed_forward_length",
)  # fmt: skip
"""Keys without which transformers would take the numbers of another model."""
_MOST = 10**8
"""No size of a network, and no length of a text, is as large."""
_AS_HEAD = ("attention.value_length", "rope.dimension_count")
"""Keys that must say the size of a head: transformers' networks here have no other."""


def class_of(settings: Mapping[str, Any], *, at: str) -> str:
    """The class that a config.json names; BadRequest unless it is a causal language model that is known."""
    if settings.get("model_type") == "factorized":
        raise BadRequest(
            f"{at}: the model is factorized, and llama.cpp has no layers of low rank; give it the model that "
            "stands before `factorize`, or make that smaller by `depth`, `ffn` or `vocabulary` (distill)."
        )
    named = settings.get("architectures") or [""]
    known = sorted(name for names in KNOWN.values() for name in names)
    if named[0] not in known:
        raise BadRequest(
            f"{at}: config.json names {named[0] or 'no architecture'}, which is no causal language model "
            f"that can be written as GGUF; known: {', '.join(known)}."
        )
    return str(named[0])


def check_computed(config: Any, *, at: str) -> None:
    """BadRequest for a configuration of transformers that llama.cpp computes another way.

    Most would fail the proof, which can't say why. What is beyond a window isn't reached by its texts.
    """
    name = config.architectures[0]
    for key, known in _computed(name, config).items():
        if (said := getattr(config, key, known[0])) not in known:
            raise BadRequest(
                f"{at}: config.json says {key}: {json.dumps(said)}, and llama.cpp computes {name} with "
                f"{json.dumps(known[0])}, so the file would be another model; pack it as it is "
                "(quantize/inc-rtn), or take another one."
            )
    _check_heads(name, config, at=at)
    _check_window(config, at=at)


def _check_heads(name: str, config: Any, *, at: str) -> None:
    """BadRequest for heads that don't fill the hidden width, where llama.cpp has no other ones."""
    count, width = config.num_attention_heads, config.hidden_size
    size = getattr(config, "head_dim", None) or width // count
    if name in FILLED and count * size != width:
        raise BadRequest(
            f"{at}: config.json has {count} heads of {size} and hidden_size: {width}, and llama.cpp loads "
            f"{name} only where heads fill that width; prune both together (`heads: {width // size}`, or "
            f"`hidden: {count * size}`), or pack it as it is (quantize/inc-rtn)."
        )


def _computed(name: str, config: Any) -> dict[str, tuple[Any, ...]]:
    """Key -> the values with which llama.cpp computes an architecture as transformers does."""
    if name != GEMMA2:
        biases = {"attention_bias": (False,)} if name == "Qwen3ForCausalLM" else {}
        return {"hidden_act": ("silu", "swish"), **biases}
    scaled = config.hidden_size // config.num_attention_heads  # in the largest Gemma 2, known by its depth
    caps = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}  # any, but not none
    return {
        "hidden_activation": ("gelu_pytorch_tanh",),
        "query_pre_attn_scalar": (scaled if config.num_hidden_layers == DEEPEST else config.head_dim,),
        **{key: (getattr(config, key, None) or usual,) for key, usual in caps.items()},
    }


def _check_window(config: Any, *, at: str) -> None:
    """BadRequest where llama.cpp forgets the model's sliding window, or has it in other layers."""
    name, reach = config.architectures[0], config.max_position_embeddings
    window = getattr(config, "sliding_window", None)
    if not window or window >= reach:
        return
    kinds = getattr(config, "layer_types", None) or []
    if name != GEMMA2 and (not kinds or "sliding_attention" in kinds):
        raise BadRequest(
            f"{at}: config.json has a sliding window of {window} tokens, and llama.cpp computes this "
            f"architecture without one; lower max_position_embeddings ({reach}) to {window}."
        )
    if name == GEMMA2 and _breaks(kinds):
        raise BadRequest(
            f"{at}: llama.cpp takes every other layer of this architecture, the first one among them, for "
            f"one with a window, and layer_types ({_short(kinds)}) says otherwise; make a student of layers "
            f"that alternate, or lower max_position_embeddings ({reach}) to {window}."
        )


def _breaks(kinds: Sequence[str]) -> bool:
    """True unless layers with and without a window alternate, one with a window first."""
    return any((kind == "sliding_attention") == bool(place % 2) for place, kind in enumerate(kinds))


def _short(kinds: Sequence[str]) -> str:
    return " ".join(kind.removesuffix("_attention") for kind in kinds)


def check(file: GgufFile) -> None:
    """BadRequest for an architecture that isn't known."""
    if file.architecture not in KNOWN:
        named = f"architecture '{file.architecture}'" if file.architecture else "no architecture"
        raise BadRequest(
            f"{file.path.name}: it names {named} (general.architecture); known: {', '.join(sorted(KNOWN))}."
        )


def config_of(file: GgufFile) -> Any:
    """The configuration of a file's network, by transformers' table; BadRequest for what it cannot hold."""
    from transformers import AutoConfig
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    prefix = file.architecture + "."
    _check_needed(file)
    own = {key.removeprefix(prefix): value for key, value in file.metadata.items() if key.startswith(prefix)}
    table = {**GGUF_CONFIG_MAPPING[file.architecture], **_TAKEN_OVER}
    named: dict[str, Any] = {}
    for key, value in own.items():
        # Two keys with one name: the size of a head, and how much of it is rotated.
        if table.get(key) and named.setdefault(table[key], value) != value:
            raise _no_place(file, key, value)
    if file.architecture == "phi3":
        named["sliding_window"] = None  # llama.cpp has none, whatever the file says
    tied = all(tensor.name != "output.weight" for tensor in file.tensors)
    named = {**_UNSAID, "num_key_value_heads": named["num_attention_heads"], **named}
    named.setdefault("vocab_size", len(file.metadata["tokenizer.ggml.tokens"]))
    named["tie_word_embeddings"] = tied
    try:
        config = AutoConfig.for_model(file.architecture, **named, **_roles(file))
    except Exception as error:
        raise BadRequest(
            f"{file.path.name}: its metadata makes no configuration ({in_a_line(error, 200)})."
        ) from error
    head = named.get("head_dim") or config.hidden_size // config.num_attention_heads
    if file.architecture == "gemma2":
        config.query_pre_attn_scalar = head  # as llama.cpp scales
    _check_keys(file, own, config, head)
    return config


def _check_needed(file: GgufFile) -> None:
    """BadRequest for a number that is missing, or makes no network: llama.cpp ends the process on some."""
    for key in _NEEDED:
        name = f"{file.architecture}.{key}"
        value = file.metadata.get(name)
        if value is None:
            raise BadRequest(f"{file.path.name}: its metadata has no {name}; the file is damaged.")
        if not isinstance(value, int | float) or not 0 < value < _MOST:
            raise BadRequest(f"{file.path.name}: {name} is {str(value)[:40]}; the file is damaged.")


def _check_keys(file: GgufFile, own: Mapping[str, Any], config: Any, head: int) -> None:
    """BadRequest for a key that would be left out, unless it says what is so anyway."""
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    fields = vars(type(config)())
    for key, value in own.items():
        if GGUF_CONFIG_MAPPING[file.architecture].get(key) or (key, value) == ("rope.scaling.type", "none"):
            continue
        name = _TAKEN_OVER.get(key, "")
        if not (name in fields or ((name == "head_dim" or key in _AS_HEAD) and value == head)):
            raise _no_place(file, key, value)


def _no_place(file: GgufFile, key: str, value: object) -> BadRequest:
    return BadRequest(
        f"{file.path.name}: {file.architecture}.{key} = {str(value)[:40]} has no place in transformers' "
        "configuration of this architecture; such a model cannot be taken over exactly."
    )


def _roles(file: GgufFile) -> dict[str, int | None]:
    """Special tokens as the file has them: transformers' defaults are those of other vocabularies."""
    ids = gguf_metadata.special(file)
    return {f"{role}_token_id": ids.get(role) for role in ("bos", "eos", "pad")}
