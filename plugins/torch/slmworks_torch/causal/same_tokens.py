"""Whether a student's tokens are its teacher's: only then can it be shown what the teacher says of each."""

from collections.abc import Mapping, Sequence

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.hf_chat import ChatTokenizer

WAY_OUT = "take a student of the teacher's family, or distill/sequence-kd, which takes any."
SPECIAL = ("bos_token", "eos_token", "unk_token")
"""Special tokens that a model reads or writes; padding isn't among them."""
ROWS = 256
"""Rows whose prompts are compared."""
SHOWN = 24
"""Characters of a text that an error shows."""


def teacher_ids(teacher: ChatTokenizer, student: ChatTokenizer) -> list[int] | None:
    """The teacher's id of each of the student's tokens; None where both have the same ids.

    A student with a part of its teacher's vocabulary has other ids for the same tokens. BadRequest names the
    first token that the teacher doesn't have.
    """
    theirs: Mapping[str, int] = teacher.tokenizer.get_vocab()
    own: Mapping[str, int] = student.tokenizer.get_vocab()
    ordered = sorted(own, key=own.__getitem__)
    for token in ordered:
        if token not in theirs:
            raise BadRequest(
                f"student: its token {own[token]} is {token[:SHOWN]!r}, which the teacher's vocabulary "
                f"lacks, so their probabilities cannot be compared; {WAY_OUT}"
            )
    if all(own[token] == theirs[token] for token in ordered):
        return None
    for place, token in enumerate(ordered):
        if own[token] != place:
            raise BadRequest(
                f"student: its ids are not its teacher's, and tokenizer.json has no token {place}, but ones "
                f"behind it; {WAY_OUT}"
            )
    return [theirs[token] for token in ordered]


def require_same_prompts(teacher: ChatTokenizer, student: ChatTokenizer, rows: Sequence[Row]) -> None:
    """BadRequest where special tokens differ, or the text that a prompt becomes by the chat templates.

    Ids of prompts are not compared: a student with fewer tokens may spell a word in more of them.
    """
    for role in SPECIAL:
        one, other = teacher.special.get(role), student.special.get(role)
        if one != other:
            raise BadRequest(
                f"student: its {role} is {other!r}, the teacher's is {one!r}, so their probabilities are of "
                f"different texts; {WAY_OUT}"
            )
    for row in rows[:ROWS]:
        one, other = teacher.prompt(row), student.prompt(row)
        if one != other:
            place = next(
                (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            raise BadRequest(
                f"student: by its chat template the prompt of row '{row['id']}' has "
                f"{other[place : place + SHOWN]!r} at character {place}, by the teacher's "
                f"{one[place : place + SHOWN]!r}; {WAY_OUT}"
            )
