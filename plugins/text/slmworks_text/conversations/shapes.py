"""The shapes in which data sets hold conversations, recognised row by row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from slmworks_text.conversations.messages import parsed, text_of, turns_of
from slmworks_text.conversations.turns import NO_SHAPE, NOT_TEXT, BadConversation, Turn

Shape = Literal["messages", "sharegpt", "alpaca", "prompt-completion", "text"]
Part = Literal[
    "messages", "conversations", "instruction", "input", "output", "history", "prompt", "completion", "text",
    "system", "tools", "schema",
]  # fmt: skip
"""Parts of a conversation, each in a column of its own."""
Parts = Mapping[str, Any]
"""Part -> its cell; None for one that the row lacks."""

NEEDED: dict[Shape, tuple[Part, ...]] = {
    "messages": ("messages",),
    "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"),
    "prompt-completion": ("prompt", "completion"),
    "text": ("text",),
}
"""Shape -> the parts without which a row is of another shape; a row is of the first that fits."""
FURTHER: dict[Shape, tuple[Part, ...]] = {
    "messages": ("system", "tools"),
    "sharegpt": ("system", "tools"),
    "alpaca": ("input", "history", "system", "tools"),
    "prompt-completion": ("tools",),
    "text": (),
}
"""Shape -> parts that it may have."""
ANSWERS: frozenset[Part] = frozenset({"output", "completion"})
"""Parts that a row without an answer may lack."""


def shape_of(parts: Parts) -> Shape:
    """The shape of a row; BadConversation where none fits."""
    blank = frozenset(part for part, cell in parts.items() if isinstance(cell, str) and not cell.strip())
    none: frozenset[str] = frozenset()
    for empty, missing in ((blank, none), (blank, ANSWERS), (none, none), (none, ANSWERS)):
        there = {part for part, cell in parts.items() if cell is not None} - empty
        for shape, needed in NEEDED.items():
            if set(needed) - missing <= there:
                return shape
    raise BadConversation(NO_SHAPE, "none of its columns holds a value")


def with_system(turns: list[Turn], parts: Parts) -> list[Turn]:
    """The turns with that of a `system` part in front, if there is one."""
    system = parts.get("system")
    if system is not None and (text := text_in(system, "system")).strip():
        return [Turn("system", text), *turns]
    return turns


def turns_in(shape: Shape, parts: Parts) -> list[Turn]:
    """The turns of a row, a `system` part first; raw text is a turn of the role `prompt` and an answer."""
    if any(parts.get(part) is None for part in NEEDED[shape] if part not in ANSWERS):
        raise BadConversation(NO_SHAPE, f"no {' or no '.join(NEEDED[shape])}")
    turns = _READERS[shape](parts)
    return with_system(turns, parts) if "system" in FURTHER[shape] else turns


def _messages(parts: Parts) -> list[Turn]:
    return turns_of(parts["messages"])


def _sharegpt(parts: Parts) -> list[Turn]:
    return turns_of(parts["conversations"])


def _alpaca(parts: Parts) -> list[Turn]:
    """Instruction and input as one turn, a line between them; `history` is pairs of what was said before."""
    turns: list[Turn] = []
    history = parsed(parts.get("history"))
    for pair in history if isinstance(history, Sequence) and not isinstance(history, str) else ():
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise BadConversation(NOT_TEXT, "history is no list of pairs")
        turns += [Turn("user", text_in(pair[0], "history")), Turn("assistant", text_in(pair[1], "history"))]
    asked = [text_in(parts.get(part), part) for part in ("instruction", "input")]
    turns.append(Turn("user", "\n".join(text for text in asked if text.strip())))
    return [*turns, *_answer(parts.get("output"), "output")]


def _prompt_completion(parts: Parts) -> list[Turn]:
    """Two strings are raw text and what follows it; two lists are a conversation."""
    prompt, completion = (parsed(parts.get(part)) for part in ("prompt", "completion"))
    if is_list(prompt):
        said = [Turn("assistant", completion)] if isinstance(completion, str) else None
        return [*turns_of(prompt), *(said or ([] if completion is None else turns_of(completion)))]
    if is_list(completion):
        raise BadConversation(NOT_TEXT, "the completion is a list of messages and the prompt is none")
    prompt, completion = parts["prompt"], parts.get("completion")
    return [Turn("prompt", text_in(prompt, "prompt")), *_answer(completion, "completion")]


def _raw(parts: Parts) -> list[Turn]:
    return [Turn("prompt", ""), Turn("assistant", text_in(parts["text"], "text"))]


_READERS: dict[Shape, Callable[[Parts], list[Turn]]] = {
    "messages": _messages, "sharegpt": _sharegpt, "alpaca": _alpaca, "prompt-completion": _prompt_completion,
    "text": _raw,
}  # fmt: skip


def _answer(value: Any, part: str) -> list[Turn]:
    return [] if value is None else [Turn("assistant", text_in(value, part))]


def text_in(value: Any, part: str) -> str:
    """A cell as text; numbers of a csv's column are what is written, texts of a list (sentences) lines."""
    if isinstance(value, (str, int, float)) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        lines = [line for line in value if isinstance(line, str)]
        return "\n".join(lines) if len(lines) == len(value) else text_of(value, 1)
    raise BadConversation(NOT_TEXT, f"{part} holds {type(value).__name__}")


def is_list(value: Any) -> bool:
    """True for a list of messages; a list in brackets that somebody wrote is text."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, (str, bytes))
        and all(isinstance(message, Mapping) and ({"role", "from"} & set(message)) for message in value)
    )
