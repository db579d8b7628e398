"""A better and a worse answer to one prompt, in the shapes in which data sets of preferences hold them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from slmworks_text.conversations.conversation import NO_ANSWER, Conversation, Unanswered, assembled
from slmworks_text.conversations.messages import parsed, turns_of
from slmworks_text.conversations.shapes import Parts, is_list, text_in, turns_in, with_system
from slmworks_text.conversations.turns import (
    EMPTY_COMPLETION,
    NO_COMMON,
    NO_REJECTED,
    NO_SHAPE,
    NOT_ANSWERED,
    NOT_TEXT,
    BadConversation,
    Turn,
    check,
)

PairShape = Literal["messages", "sharegpt", "alpaca", "prompt", "dialogues", "raw"]
PairPart = Literal[
    "messages", "conversations", "instruction", "input", "history", "prompt", "chosen", "rejected", "system",
    "tools", "schema",
]  # fmt: skip
"""Parts of a pair, each in a column of its own."""

ANSWERS: tuple[PairPart, ...] = ("chosen", "rejected")
NEEDED: Mapping[PairShape, tuple[PairPart, ...]] = {
    "messages": ("messages", *ANSWERS),
    "sharegpt": ("conversations", *ANSWERS),
    "alpaca": ("instruction", *ANSWERS),
    "prompt": ("prompt", *ANSWERS),
    "dialogues": ANSWERS,
    "raw": ("prompt", *ANSWERS),
}
"""Shape -> its parts; a row is of the first whose prompt it has, and `raw` only where that is asked for."""
FURTHER: Mapping[PairShape, tuple[PairPart, ...]] = {
    "messages": ("system", "tools"),
    "sharegpt": ("system", "tools"),
    "alpaca": ("input", "history", "system", "tools"),
    "prompt": ("system", "tools"),
    "dialogues": ("system", "tools"),
    "raw": (),
}
"""Shape -> parts that it may have."""
SPEAKER = re.compile(r"\n\n(Human|Assistant):")
"""How a dialogue that is one text marks its turns."""
ROLES = {"Human": "user", "Assistant": "assistant"}


def pair_of(
    parts: Parts,
    shape: PairShape | None,
    *,
    unlabelled: bool,
    unanswered: Unanswered,  # noqa: ARG001
) -> tuple[str, Conversation]:
    """The shape of a row and its conversation with both answers; BadConversation for a broken rule.

    `unlabelled`: only the prompt is wanted. Nothing is cut off behind answers, whatever `unanswered` says.
    """
    shape = shape or _shape_of(parts)
    asked = _asked(shape, parts)
    if unlabelled:
        before = asked if shape != "dialogues" else _whole(parts, "chosen", shape, [])[:-1]
        return shape, assembled(_checked(before), None, parts, tools=shape != "raw")
    both = [_whole(parts, part, shape, asked) for part in ANSWERS]
    (*before, chosen), (*other, rejected) = both
    if differs := _first_difference(before, other):
        raise BadConversation(NO_COMMON, f"chosen and rejected differ from turn {differs} on")
    found = assembled(before, chosen, parts, tools=shape != "raw")
    return shape, replace(found, rejected=rejected.text())


def _shape_of(parts: Parts) -> PairShape:
    there = {part for part, cell in parts.items() if cell is not None and str(cell).strip()}
    for shape, needed in NEEDED.items():
        if shape != "raw" and set(needed) - set(ANSWERS) <= there and there & set(ANSWERS):
            return shape
    raise BadConversation(NO_SHAPE, "neither chosen nor rejected holds a value")


def _asked(shape: PairShape, parts: Parts) -> list[Turn]:
    """The turns before the answers; none where the answers hold them."""
    if shape in ("messages", "sharegpt", "alpaca"):
        return turns_in(shape, {**parts, "output": None})
    if shape == "dialogues":
        return with_system([], parts)
    prompt = parsed(parts.get("prompt"))
    if is_list(prompt):
        return with_system(turns_of(prompt), parts)
    said = text_in(parts.get("prompt"), "prompt")
    return [Turn("prompt", said)] if shape == "raw" else with_system([Turn("user", said)], parts)


def _whole(parts: Parts, part: PairPart, shape: PairShape, asked: list[Turn]) -> list[Turn]:
    """The prompt's turns and an answer, in order."""
    cell = parts.get(part)
    if cell is None:
        raise BadConversation(*((NO_REJECTED, "") if part == "rejected" else (NO_ANSWER, "no chosen")))
    answer = _turns_in_answer(cell, part, shape)
    whole = answer[0].role != "assistant" if answer else True
    turns = [*(turn for turn in asked if not whole or turn.role == "system"), *answer]
    if shape != "raw":
        turns = _checked(turns)
    if turns[-1].role != "assistant":
        raise BadConversation(NOT_ANSWERED, f"{part} ends with a turn of the {turns[-1].role}")
    if not turns[-1].text().strip():
        raise BadConversation(EMPTY_COMPLETION, part)
    return turns


def _turns_in_answer(cell: Any, part: PairPart, shape: PairShape) -> list[Turn]:
    """One turn, or all of a conversation; JSON text is a conversation only where no text is looked for."""
    value = parsed(cell) if shape == "dialogues" else cell
    if isinstance(value, Mapping) and {"role", "from"} & set(value):
        return turns_of([value])
    if is_list(value):
        return turns_of(value)
    text = text_in(cell, part)
    return _dialogue(text, part) if shape == "dialogues" else [Turn("assistant", text)]


def _dialogue(text: str, part: str) -> list[Turn]:
    """The turns of a text in which each begins with an empty line and `Human:` or `Assistant:`."""
    first, *rest = SPEAKER.split(f"\n\n{text.lstrip()}")
    if first.strip() or not rest:
        raise BadConversation(NOT_TEXT, f"{part} does not begin with 'Human:', and there is no prompt")
    return [Turn(ROLES[who], said.strip()) for who, said in zip(rest[::2], rest[1::2], strict=True)]


def _checked(turns: list[Turn]) -> list[Turn]:
    return turns if turns and turns[0].role == "prompt" else check(turns)


def _first_difference(one: Sequence[Turn], other: Sequence[Turn]) -> int:
    """Number of the first turn that is not the same in both, from 1; 0 for none."""
    said = [[(turn.role, turn.text().strip()) for turn in turns] for turns in (one, other)]
    if said[0] == said[1]:
        return 0
    same = (mine == theirs for mine, theirs in zip(*said, strict=False))
    return next((number for number, equal in enumerate(same, 1) if not equal), min(map(len, said)) + 1)
