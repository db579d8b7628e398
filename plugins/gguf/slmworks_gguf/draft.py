"""Which model may guess tokens for which other one, in llama.cpp: a smaller one with the same tokens.

llama.cpp compares vocabularies itself, and answers without the draft where they differ: its log says so,
and nothing else. Here its rule is asked of two headers, before anything is loaded.
"""

from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_gguf.gguf_header import GgufHeader, read_header, the_file
from slmworks_gguf.gguf_metadata import TOKENIZER

MOST_FURTHER = 128
"""Tokens that one vocabulary may have more than the other."""
FIRST_COMPARED = 5
"""The first token whose text is compared: those before are special ones, which models name differently."""
BOUNDARIES = (("add_bos_token", "bos_token_id"), ("add_eos_token", "eos_token_id"))
"""Whether a token stands around a text by itself -> which one."""


def require_fit(target: Path, draft: Path) -> None:
    """BadRequest, with the way out, where the model in one folder can't guess for that in the other."""
    ours, theirs = (read_header(the_file(folder)) for folder in (target, draft))
    if problem := _problem(ours, theirs):
        raise BadRequest(f"draft: {problem}")


def _problem(model: GgufHeader, draft: GgufHeader) -> str:
    """Why one can't guess for the other, and what to do; empty where it can."""
    if not draft.metadata.get(f"{draft.architecture}.attention.causal", True):
        return (
            f"it is an encoder ({draft.architecture}), which writes no tokens; give a generator, made of the "
            "model's own layers (stage: distill)."
        )
    sizes = [file.path.stat().st_size for file in (model, draft)]
    if sizes[1] >= sizes[0]:
        return (
            f"its file has {sizes[1]:,} bytes and the model's {sizes[0]:,}; a draft pays by being smaller: "
            "distil one of a few layers, and store it in 4 bits."
        )
    return _other_tokens(model, draft)


def _other_tokens(model: GgufHeader, draft: GgufHeader) -> str:
    kinds = [str(file.metadata.get(f"{TOKENIZER}model", "")) for file in (model, draft)]
    if kinds[0] != kinds[1]:
        return f"its tokenizer is of the kind '{kinds[1]}', and the model's '{kinds[0]}'; {_WAY_OUT}"
    tokens = [file.metadata.get(f"{TOKENIZER}tokens") or [] for file in (model, draft)]
    counts = [len(one) for one in tokens]
    if abs(counts[0] - counts[1]) > MOST_FURTHER:
        return (
            f"it has {counts[1]:,} tokens and the model {counts[0]:,}, and a cut vocabulary has other ids; "
            f"{_WAY_OUT}"
        )
    pairs = enumerate(zip(*tokens, strict=False))
    for number, (ours, theirs) in pairs:
        if number >= FIRST_COMPARED and ours != theirs:
            return f"its token {number} is {theirs!r}, and the model's {ours!r}; {_WAY_OUT}"
    for added, which in BOUNDARIES:
        ours, theirs = (_boundary(file, added, which) for file in (model, draft))
        if ours != theirs:
            return f"{added} and {which} are {theirs}, and the model's {ours}; {_WAY_OUT}"
    return ""


def _boundary(file: GgufHeader, added: str, which: str) -> tuple[bool, int | None]:
    adds = bool(file.metadata.get(f"{TOKENIZER}{added}", False))
    return adds, file.metadata.get(f"{TOKENIZER}{which}") if adds else None


_WAY_OUT = "make the draft of the model's own layers, with `vocabulary: keep`."
