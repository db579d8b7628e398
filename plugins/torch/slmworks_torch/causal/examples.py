"""Rows of `text-generation` as token ids: the prompt as the runtimes render it, the answer, and its end."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.messages import raw_text

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel

MODEL_TASK = "text-generation"
TOO_LONG, ENDS_INSIDE, NOTHING = (
    "longer than max_length",
    "with an end of answer inside",
    "without a token to learn",
)


@dataclass(frozen=True)
class Examples:
    """Token ids of the rows of a split."""

    ids: list[list[int]]
    """Prompt, answer and the token that ends it."""
    starts: list[int]
    """Place of the first token of a row that is learnt: at least 1, since the first one follows nothing."""
    rows: int = 0
    """Rows of the split, those left out included."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> rows."""
    longest: int = 0
    """Tokens of the longest row, those left out included."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row that are computed: its last one is only a target."""
        return [len(ids) - 1 for ids in self.ids]

    @property
    def answers(self) -> list[int]:
        """Tokens of each row that are learnt."""
        return [len(ids) - start for ids, start in zip(self.ids, self.starts, strict=True)]

    @property
    def keys(self) -> list[str]:
        """The key of each row in a teacher's ledger: of its tokens, and of where its answer begins."""
        both = zip(self.ids, self.starts, strict=True)
        return [hashlib.sha256(json.dumps(one).encode()).hexdigest() for one in both]

    def warnings(self, split: str, max_length: int) -> Iterator[str]:
        """A line for each reason that rows were left out for."""
        for reason, count in self.left_out.items():
            more = f" ({max_length} tokens; the longest has {self.longest})" if reason == TOO_LONG else ""
            yield f"warning: {count} of {self.rows} rows of {split} are left out: {reason}{more}"


def read(data: Dataset, split: str, *further: str) -> list[Row]:
    """The rows of a split, with `further` columns.

    BadRequest for data of another model task, an empty split, rows out of order.
    """
    task = catalog.model_task(MODEL_TASK)
    if data.meta.get("task") != MODEL_TASK:
        raise BadRequest(
            f"data: it is for {data.meta.get('task') or 'no model task'}, and a causal language model learns "
            f"from data for {MODEL_TASK}; curate it with curate/chat."
        )
    rows = data.rows(split, "id", *task.inputs, *task.targets, *further)
    if not rows:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    task.check(data, split, rows)
    return list(rows)


def encode(model: "ChatModel", rows: Sequence[Row], *, split: str, max_length: int) -> Examples:
    """Token ids of rows, those left out that cannot be learnt whole; BadRequest where none is left."""
    ids: list[list[int]] = []
    starts: list[int] = []
    left_out: Counter[str] = Counter()
    longest = 0
    for row in rows:
        given, answer = tokens(model, row, split)
        longest = max(longest, len(given) + len(answer))
        if reason := problem(model, given, answer, row, max_length):
            left_out[reason] += 1
            continue
        for piece, start in _pieces(given, answer, max_length):
            ids.append(piece)
            starts.append(start)
    found = Examples(ids, starts, len(rows), left_out, longest)
    if not ids:
        raise BadRequest(_nothing_left(found, split, max_length))
    return found


def tokens(model: "ChatModel", row: Row, split: str) -> tuple[list[int], list[int]]:
    """Token ids of a row's prompt and of its answer with the token that ends it, uncut."""
    return prompt_of(model, row, split), answer_of(model, row, str(row["completion"]))


def prompt_of(model: "ChatModel", row: Row, split: str) -> list[int]:
    """Token ids of a row's conversation; BadRequest where the chat template refuses it."""
    try:
        return model.chat.encode(row)
    except BadRequest as error:
        raise BadRequest(f"data: row '{row['id']}' of the split '{split}': {error}") from None


def answer_of(model: "ChatModel", row: Row, answer: str) -> list[int]:
    """An answer to a row and the token that ends it, once."""
    text = model.chat.tokenizer(answer, add_special_tokens=False)
    found = list(text["input_ids"])
    while found and found[-1] in model.ends:
        found.pop()
    return [*found, model.text_end if raw_text(row["messages"]) is not None else model.turn_end]


def problem(
    model: "ChatModel", given: Sequence[int], answer: Sequence[int], row: Row, max_length: int
) -> str:
    """The reason that a row is left out for; empty for none. Plain text is never too long."""
    if any(token in model.ends for token in answer[:-1]):
        return ENDS_INSIDE
    if len(given) + len(answer) < 2:
        return NOTHING
    plain = raw_text(row["messages"]) == ""
    return TOO_LONG if not plain and len(given) + len(answer) > max_length else ""


def _pieces(given: Sequence[int], answer: Sequence[int], max_length: int) -> Iterator[tuple[list[int], int]]:
    """Token ids, and the place of the first learnt one; a piece begins with the last one's end."""
    ids, start = [*given, *answer], max(1, len(given))
    while True:
        yield ids[:max_length], start
        if len(ids) <= max_length:
            return
        ids, start = ids[max_length - 1 :], 1


def _nothing_left(found: Examples, split: str, max_length: int) -> str:
    reasons: Any = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    return (
        f"data: no row of the split '{split}' can be learnt ({reasons}; max_length is {max_length}, the "
        f"longest row has {found.longest} tokens); raise max_length, or curate shorter rows."
    )
