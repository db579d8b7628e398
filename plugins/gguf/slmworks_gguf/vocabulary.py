"""The tokenizer in a GGUF file as a Hugging Face one: vocabulary, merges, rule, special tokens, template.

transformers builds one itself, and wrongly: plain GPT-2 whatever rule the file names, `eos_token` from the
wrong id, no padding token. Byte-level BPE only (`tokenizer.ggml.model = gpt2`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks_gguf.gguf_file import GgufFile
from slmworks_gguf.gguf_metadata import TOKENIZER, special, templates
from slmworks_gguf.pre_tokenizers import RULES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5
"""Token types of the format."""


def check(file: GgufFile) -> None:
    """BadRequest unless the file has a tokenizer that can be read exactly."""
    name, said = file.path.name, file.metadata
    model, rule = said.get(TOKENIZER + "model"), said.get(TOKENIZER + "pre")
    if model is None or not said.get(TOKENIZER + "tokens"):
        raise BadRequest(f"{name}: it holds no tokenizer (tokenizer.ggml.model and tokenizer.ggml.tokens).")
    if model != "gpt2":
        raise BadRequest(
            f"{name}: its tokenizer is of kind '{model}' (tokenizer.ggml.model); known: gpt2, which is "
            "byte-level BPE."
        )
    if rule not in RULES:
        said_so = f"pre-tokenizer '{rule}'" if rule else "no pre-tokenizer"
        raise BadRequest(
            f"{name}: it names {said_so} (tokenizer.ggml.pre), so its text cannot be split as it was in "
            f"training; known: {', '.join(sorted(RULES))}."
        )
    tokens, kinds = said[TOKENIZER + "tokens"], said.get(TOKENIZER + "token_type")
    if not isinstance(said.get(TOKENIZER + "merges"), list):
        raise BadRequest(f"{name}: its tokenizer has no merges (tokenizer.ggml.merges).")
    if len(set(tokens)) < len(tokens):
        raise BadRequest(f"{name}: two tokens of its vocabulary are the same text.")
    if kinds is not None and len(kinds) != len(tokens):
        raise BadRequest(f"{name}: {len(tokens)} tokens and {len(kinds)} token types; fetch the file again.")
    for role in ("bos", "eos", "eot", "eom", "padding", "unknown"):
        found = said.get(f"{TOKENIZER}{role}_token_id")
        if found is not None and not 0 <= found < len(tokens):
            raise BadRequest(f"{name}: its {role} token is {found}, and there are {len(tokens)} tokens.")


def build(file: GgufFile, *, add_bos: bool, add_eos: bool) -> "Tokenizer":
    """The tokenizer; `add_bos` and `add_eos` say what llama.cpp puts around a text by itself."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    said = file.metadata
    rule = RULES[said[TOKENIZER + "pre"]]
    tokens: Sequence[str] = said[TOKENIZER + "tokens"]
    merges = [_pair(file, merge) for merge in said[TOKENIZER + "merges"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    try:
        model = models.BPE(vocabulary, merges, ignore_merges=rule.whole_words)
    except Exception as error:  # noqa: BLE001  (tokenizers raises nothing narrower)
        raise BadRequest(f"{file.path.name}: its merges do not fit its tokens ({error}).") from None
    found = Tokenizer(model)
    found.pre_tokenizer = rule.build()
    found.decoder = decoders.ByteLevel()
    kinds = said.get(TOKENIZER + "token_type", [])
    for number, kind in enumerate(kinds):
        if kind in (_CONTROL, _USER_DEFINED):
            one = AddedToken(tokens[number], special=kind == _CONTROL, normalized=False)
            (found.add_special_tokens if kind == _CONTROL else found.add_tokens)([one])
    found.post_processor = _around(file, add_bos=add_bos, add_eos=add_eos)
    return found


def _pair(file: GgufFile, merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ") if merge[:1] != " " else ("", "", "")
    if not left or not right:
        raise BadRequest(f"{file.path.name}: '{merge}' is no merge of two tokens (tokenizer.ggml.merges).")
    return left, right


def _around(file: GgufFile, *, add_bos: bool, add_eos: bool) -> Any:
    from tokenizers import processors

    level = processors.ByteLevel(trim_offsets=False)
    ids, tokens = special(file), file.metadata[TOKENIZER + "tokens"]
    first = [tokens[ids["bos"]]] if add_bos and "bos" in ids else []
    last = [tokens[ids["eos"]]] if add_eos and "eos" in ids else []
    if not first and not last:
        return level
    single = [*(f"{token}:0" for token in first), "$A:0", *(f"{token}:0" for token in last)]
    pair = [*single, *(f"{token}:1" for token in first), "$B:1", *(f"{token}:1" for token in last)]
    known = [(token, tokens.index(token)) for token in {*first, *last}]
    around = processors.TemplateProcessing(single=single, pair=pair, special_tokens=known)
    return processors.Sequence([level, around])


def save(file: GgufFile, tokenizer: "Tokenizer", folder: Path, *, max_length: int) -> None:
    """Write tokenizer.json, tokenizer_config.json and (if there is one) chat_template.jinja."""
    from transformers import PreTrainedTokenizerFast

    tokens = file.metadata[TOKENIZER + "tokens"]
    roles = {f"{role}_token": tokens[number] for role, number in special(file).items()}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
        **roles,
    )
    if found := templates(file):
        wrapped.chat_template = found["default"] if found.keys() == {"default"} else found
    wrapped.save_pretrained(folder)
