"""A teacher's likeliest tokens for the answers of rows: computed once, kept in its ledger, read by number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.ledger import Ledger
from slmworks.contract.stage import Task
from slmworks.teachers.budget import Account, Budget
from slmworks_torch import devices
from slmworks_torch.causal import chat_model, checks, forward, layouts, top_k
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.top_k import TopK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    import torch

LOGPROBS, VERSION = "logprobs", 1
"""Name and version of the ledger."""
AT_ONCE = 1024
"""Most tokens that a teacher computes together, padding included."""


@dataclass(frozen=True)
class TeacherTokens:
    """What a teacher says at each learnt place of some rows."""

    ids: "NDArray[np.int32]"
    """The student's ids of the likeliest tokens, int32 [places, k]; -1 for one that it doesn't have."""
    logprobs: "NDArray[np.float16]"
    """Their log-probabilities, [places, k]."""
    firsts: Sequence[int]
    """The first place of each row, and behind them the number of places."""
    summary: Mapping[str, float]
    """Tokens that were paid for now, that were there before, and bytes of the whole ledger."""

    def of(self, owners: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Ids (int64) and log-probabilities (float32), [places, k], of the rows that these places belong to.

        `owners`: the row of each place, as `layouts.Batch` has it, all of a row's one behind another.
        """
        import numpy as np

        import torch

        rows = torch.unique_consecutive(owners.cpu()).tolist()
        places = np.concatenate([np.arange(self.firsts[row], self.firsts[row + 1]) for row in rows])
        ids = torch.from_numpy(self.ids[places].astype(np.int64))
        logprobs = torch.from_numpy(self.logprobs[places].astype(np.float32))
        return ids.to(owners.device), logprobs.to(owners.device)


def gather(
    teacher: Model,
    given: Examples,
    task: Task,
    *,
    k: int,
    vocabulary: int,
    ids: Sequence[int] | None = None,
    budget: Budget | None = None,
) -> TeacherTokens:
    """What the teacher says of the answers in `given`, rows in the student's ids.

    Only rows that its ledger lacks are computed, float32, and kept batch by batch; without any the teacher
    isn't even loaded. `vocabulary`: tokens of the student; `ids`: the teacher's id of each of them, None
    where they are the same. BadRequest for a spent budget, and a teacher whose logits are unusable.
    """
    theirs = (
        given if ids is None else replace(given, ids=[[ids[token] for token in row] for row in given.ids])
    )
    named = theirs.keys
    with task.ledger(LOGPROBS, teacher=teacher, options={"k": k}, version=VERSION) as ledger:
        left = set(ledger.missing(named))
        wanted = {key: row for row, key in enumerate(named) if key in left}
        answers = given.answers
        paid = sum(answers[row] for row in wanted.values())
        if wanted:
            _compute(teacher, theirs, wanted, ledger, task, k, budget or Budget())
        found = _read(ledger, named, given, k, _own_ids(ids, vocabulary), task.scratch)
        size = ledger.size
    known = sum(answers) - paid
    summary = {"teacher_tokens_paid": paid, "teacher_tokens_reused": known, "ledger_bytes": size}
    return replace(found, summary=summary)


def _compute(
    teacher: Model,
    examples: Examples,
    wanted: dict[str, int],
    ledger: Ledger,
    task: Task,
    k: int,
    budget: Budget,
) -> None:
    """Add the entries of the wanted rows."""
    account = Account(ledger, budget, task, len(wanted), lack="log-probabilities")
    account.require()
    net = chat_model.load(teacher, port="teacher").net.to(devices.device())
    checks.check(net, examples, port="teacher")
    account.begin()
    key_of = {row: key for key, row in wanted.items()}
    for group in layouts.padded(examples, list(key_of), AT_ONCE):
        for row, found in zip(group, _entries(net, examples, group, k), strict=True):
            cost = account.cost(len(found.ids), examples.starts[row])
            ledger.add(key_of[row], found.entry(), cost)
        account.count(len(group))
        account.require()


def _entries(net: Any, examples: Examples, group: Sequence[int], k: int) -> Iterator[TopK]:
    """The likeliest tokens of each row of a group that is computed together."""
    import torch

    with torch.inference_mode():
        logits = forward.logits(net, layouts.padded_batch(examples, group, net.device))
        if not logits.isfinite().all():
            raise BadRequest(
                "teacher: a logit is no finite number (NaN or infinity); take an earlier or another copy of "
                "the model."
            )
        whole = top_k.of_logits(logits, k)
    start = 0
    for row in group:
        end = start + len(examples.ids[row]) - examples.starts[row]
        yield TopK(whole.ids[start:end], whole.logprobs[start:end])
        start = end


def _own_ids(ids: Sequence[int] | None, vocabulary: int) -> "NDArray[np.int32]":
    """The student's id of each of the teacher's tokens up to the last one that it has."""
    import numpy as np

    theirs = range(vocabulary) if ids is None else ids
    found = np.full(max(theirs) + 1, -1, np.int32)
    found[np.asarray(theirs)] = np.arange(len(theirs), dtype=np.int32)
    return found


def _read(
    ledger: Ledger, named: Sequence[str], given: Examples, k: int, own: "NDArray[np.int32]", scratch: Path
) -> TeacherTokens:
    """All rows from the ledger, chunk by chunk, into arrays on disk: a row's entry may serve several."""
    import numpy as np

    firsts = [0, *np.cumsum(given.answers).tolist()]
    shape = (firsts[-1], k)
    ids: Any = np.lib.format.open_memmap(scratch / "ids.npy", "w+", np.int32, shape)
    logprobs: Any = np.lib.format.open_memmap(scratch / "logprobs.npy", "w+", np.float16, shape)
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(named):
        rows.setdefault(key, []).append(row)
    for key, entry in ledger.read(rows):
        found = TopK.of_entry(entry)
        mapped = np.where(found.ids < len(own), own[np.minimum(found.ids, len(own) - 1)], -1)
        for row in rows[key]:
            ids[firsts[row] : firsts[row + 1]] = mapped
            logprobs[firsts[row] : firsts[row + 1]] = found.logprobs
    return TeacherTokens(ids, logprobs, firsts, {})
