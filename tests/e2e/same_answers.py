"""Answers of one causal language model, computed in several ways, beside one another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def plain(folder: Path, prompts: Sequence[list[int]], runtime: Any) -> tuple[list[Any], list[str]]:
    """Logits behind each prompt and greedy texts of plain transformers, row by row."""
    import transformers

    import torch

    net = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    logits, texts = [], []
    with torch.inference_mode():
        for ids in prompts:
            given = torch.tensor([ids])
            logits.append(net(input_ids=given).logits[0, -1])
            said = net.generate(
                input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=runtime.most,
                do_sample=False, eos_token_id=runtime.ends, pad_token_id=runtime.pad,
            )  # fmt: skip
            texts.append(runtime.text(said[0, len(ids) :].tolist()))
    return logits, texts


def together(net: Any, prompts: Sequence[list[int]]) -> list[Any]:
    """Logits behind each prompt, all in one batch that is padded at the left."""
    import torch

    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(one)) + list(one) for one in prompts])
    seen = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts])
    places = (seen.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        return list(net(input_ids=ids, attention_mask=seen, position_ids=places).logits[:, -1])


def largest(ones: Sequence[Any], others: Sequence[Any]) -> float:
    """Largest difference of a number."""
    return max(float((one - other).abs().max()) for one, other in zip(ones, others, strict=True))


def require_equal(ours: Sequence[str], theirs: Sequence[str], one: str, other: str) -> None:
    """AssertionError for texts that differ, or are empty."""
    apart = unequal(ours, theirs)
    if apart or not any(ours):
        raise AssertionError(f"{apart} of {len(ours)} texts of {one} are not those of {other}")


def unequal(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Texts that differ in more than a character that was cut at their end."""
    return sum(
        mine.rstrip("\ufffd ") != yours.rstrip("\ufffd ") for mine, yours in zip(ours, theirs, strict=True)
    )
