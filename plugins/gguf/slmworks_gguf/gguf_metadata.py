"""What a GGUF file's metadata says to those who run the model: context, templates, special tokens, ends.

This file stands alone, as `gguf_header` does: releases carry a copy.
"""

from slmworks.contract.errors import BadRequest
from slmworks_gguf.gguf_header import GgufHeader

TOKENIZER = "tokenizer.ggml."
TEMPLATE = "tokenizer.chat_template"
STRETCHED = "rope_factors_long.weight"
UNSTRETCHED = "rope.scaling.original_context_length"
LONGEST_ANSWER = "slmworks.max_new_tokens"
"""Key of ours: tokens of an answer at most. It travels with the file, wherever that is copied to."""


def context(file: GgufHeader) -> int:
    """Tokens that the network was made for; llama.cpp's default where the file says nothing.

    With LongRoPE (Ding et al., 2024) those up to which positions aren't stretched: llama.cpp opened for more
    stretches those of short texts too, so that an answer would depend on the texts before it.
    """
    found = int(file.metadata.get(f"{file.architecture}.context_length", 512))
    if any(tensor.name == STRETCHED for tensor in file.tensors):
        return min(found, int(file.metadata.get(f"{file.architecture}.{UNSTRETCHED}", found)))
    return found


def longest_answer(file: GgufHeader) -> int | None:
    """Tokens of an answer at most; None where the file doesn't say. BadRequest for no such number."""
    found = file.metadata.get(LONGEST_ANSWER)
    if found is None or (isinstance(found, int) and found > 0):
        return found
    raise BadRequest(f"{file.path.name}: {LONGEST_ANSWER} is {found!r}, and no number of tokens above 0.")


def ends(file: GgufHeader) -> list[int]:
    """Tokens that end an answer: end of text, and end of turn or message where the file names others."""
    said = (file.metadata.get(f"{TOKENIZER}{role}_token_id") for role in ("eos", "eot", "eom"))
    return list(dict.fromkeys(int(number) for number in said if number is not None))


def special(file: GgufHeader) -> dict[str, int]:
    """Role (`bos`, `eos`, `pad`, `unk`) -> token id, of the roles that the file names.

    Without one of its own, padding is the end-of-text token: it never stands where a loss is computed.
    """
    names = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    said = {role: file.metadata.get(f"{TOKENIZER}{name}_token_id") for role, name in names.items()}
    found = {role: int(number) for role, number in said.items() if number is not None}
    if "eos" in found:
        found.setdefault("pad", found["eos"])
    return found


def special_tokens(file: GgufHeader) -> dict[str, str]:
    """`bos_token`, … -> token, of those that the file names; BadRequest for one that is no token of it."""
    tokens = file.metadata.get(f"{TOKENIZER}tokens") or []
    found = special(file)
    wrong = next((number for number in found.values() if not 0 <= number < len(tokens)), None)
    if wrong is not None:
        raise BadRequest(f"{file.path.name}: it names token {wrong}, and there are {len(tokens)} tokens.")
    return {f"{role}_token": str(tokens[number]) for role, number in found.items()}


def chat(file: GgufHeader) -> tuple[dict[str, str], dict[str, str]]:
    """Chat templates by name, and special tokens by role: what a prompt is rendered with."""
    return templates(file), special_tokens(file)


def templates(file: GgufHeader) -> dict[str, str]:
    """Name -> chat template; the one without a name is `default`. Empty for a model that doesn't chat."""
    found = {
        key.removeprefix(TEMPLATE).removeprefix(".") or "default": value
        for key, value in file.metadata.items()
        if (key == TEMPLATE or key.startswith(TEMPLATE + ".")) and isinstance(value, str)
    }
    return {name: text for name, text in found.items() if text}
