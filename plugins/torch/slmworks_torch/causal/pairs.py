"""Pairs of a chosen and a rejected answer to one prompt, as token ids."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks_torch.causal import checks, examples, layouts
from slmworks_torch.causal.examples import TOO_LONG, Examples

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.chat_model import ChatModel

REJECTED = "rejected"
WORTH = 0.1
"""Share of the tokens that prompts computed once must save: the line of two answers is longer than either."""
PROMPT_TOO_LONG, EQUAL = "with a prompt of max_length alone", "with answers of the same tokens"


@dataclass(frozen=True)
class Pairs:
    """The pairs of a split."""

    answers: Examples
    """Prompts with an answer each: of pair i the chosen one is row 2i, the rejected one row 2i + 1. Rows that
    are left out are counted by pairs."""
    forked: bool = False
    """The answers of a pair are computed in one line, behind one prompt."""

    def __len__(self) -> int:
        return len(self.answers) // 2

    @property
    def lengths(self) -> list[int]:
        """Tokens of each pair that are computed."""
        lengths, starts = self.answers.lengths, self.answers.starts
        apart = (lengths[2 * pair] + lengths[2 * pair + 1] for pair in range(len(self)))
        if self.forked:
            return [length - start for length, start in zip(apart, starts[::2], strict=True)]
        return list(apart)

    def groups(self, pairs: Sequence[int], most: int) -> Iterator[list[int]]:
        """Pairs of similar length with at most `most` tokens together, padding included; a long one alone."""
        lengths = self.answers.lengths
        if self.forked:
            both = self.lengths
            longest = {pair: both[pair] for pair in pairs}
        else:
            longest = {pair: 2 * max(lengths[2 * pair], lengths[2 * pair + 1]) for pair in pairs}
        group: list[int] = []
        for pair in sorted(pairs, key=lambda pair: -longest[pair]):
            if group and longest[group[0]] * (len(group) + 1) > most:
                yield group
                group = []
            group.append(pair)
        if group:
            yield group

    def batch(self, pairs: Sequence[int], device: "torch.device") -> layouts.Batch:
        """The pairs of a group; the tokens of all chosen answers, then those of all rejected ones."""
        if self.forked:
            return layouts.forked_batch(self.answers, [(2 * pair, 2 * pair + 1) for pair in pairs], device)
        return layouts.padded_batch(self.answers, rows_of(pairs), device)


def rows_of(pairs: Sequence[int]) -> list[int]:
    """Rows of `Pairs.answers`: all chosen answers, then all rejected ones."""
    return [*(2 * pair for pair in pairs), *(2 * pair + 1 for pair in pairs)]


def forked(net: Any, given: Pairs) -> Pairs:
    """The pairs with their answers behind one prompt, where the network can do that and it saves enough."""
    starts, lengths = given.answers.starts[::2], given.lengths
    fork = replace(given, forked=True)
    if sum(starts) < WORTH * sum(lengths) or not _same_prompts(given.answers):
        return given
    longest = max(range(len(given)), key=lambda pair: lengths[pair])
    same = checks.same_logits(net, *(some.batch([longest], net.device) for some in (given, fork)))
    return fork if same else given


def read(data: Dataset, split: str) -> list[Row]:
    """The rows of a split with both answers; BadRequest where one lacks the rejected answer."""
    mine = data.meta.get("task") == examples.MODEL_TASK
    if mine and split in data.splits and not data.has(split, REJECTED):
        raise BadRequest(
            f"data: the split '{split}' has no column '{REJECTED}', and preferences are learnt from pairs; "
            "curate them with curate/preferences."
        )
    rows = examples.read(data, split, REJECTED)
    for row in rows:
        if not row[REJECTED]:
            raise BadRequest(
                f"data: row '{row['id']}' of the split '{split}' has no rejected answer; leave such rows out "
                "in curate/preferences."
            )
    return rows


def encode(model: "ChatModel", rows: Sequence[Row], *, split: str, max_length: int) -> Pairs:
    """Token ids of pairs, those left out that cannot be learnt whole; BadRequest where none is left."""
    ids: list[list[int]] = []
    starts: list[int] = []
    left_out: Counter[str] = Counter()
    longest = 0
    for row in rows:
        given = examples.prompt_of(model, row, split)
        answers = [examples.answer_of(model, row, str(row[name])) for name in ("completion", REJECTED)]
        longest = max(longest, len(given) + max(map(len, answers)))
        if reason := _problem(model, given, answers, row, max_length):
            left_out[reason] += 1
            continue
        for answer in answers:
            ids.append([*given, *answer])
            starts.append(max(1, len(given)))
    found = Examples(ids, starts, len(rows), left_out, longest)
    if not ids:
        raise BadRequest(_nothing_left(found, split, max_length))
    return Pairs(found)


def _problem(
    model: "ChatModel", given: Sequence[int], answers: Sequence[list[int]], row: Row, max_length: int
) -> str:
    if len(given) >= max_length:
        return PROMPT_TOO_LONG
    if any(len(given) + len(answer) > max_length for answer in answers):
        return TOO_LONG
    if answers[0] == answers[1]:
        return EQUAL
    found = (examples.problem(model, given, answer, row, max_length) for answer in answers)
    return next((reason for reason in found if reason), "")


def _same_prompts(answers: Examples) -> bool:
    """False where one begins with its answer: then the token before the learnt ones isn't common."""
    both = zip(answers.ids[::2], answers.ids[1::2], answers.starts[::2], strict=True)
    return all(one[:start] == other[:start] for one, other, start in both)


def _nothing_left(found: Examples, split: str, max_length: int) -> str:
    reasons: Any = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    return (
        f"data: no pair of the split '{split}' can be learnt ({reasons}; max_length is {max_length}, the "
        f"longest answer with its prompt has {found.longest} tokens); raise max_length, or curate shorter "
        "pairs."
    )
