"""Duplicate conversations dropped, and the pool split with prompts, groups and templates kept together."""

from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.conversations.comparing import answers_key, prompt_key, whole_text
from slmworks_text.joins.components import Components
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.splits import assign, draw, units_of
from slmworks_text.joins.transfer import sample_transfer
from slmworks_text.ledger import Ledger, survey
from slmworks_text.rows import Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.sampling import sample_pool
from slmworks_text.text_hashes import Hashes


def join_conversations(
    rows: StoredRows,
    shares: dict[str, float],
    tally: Tally,
    task: Task,
    *,
    pairs: bool,
    near: float | None,
    sample: int | None,
    transfer: int | None,
    seed: int,
) -> Ledger:
    """The rows that are kept, and the split of each.

    Equal prompts with different answers are kept, in one split; across splits that were given, the prompt
    belongs to the first. Of near duplicates, answers included, one is kept. `pairs`: rows may have a worse
    answer, too.
    """
    keys = Hashes(task.scratch / "keys", width=2)
    ledger = survey(rows, keys, prompt_key, answers_key if pairs else None)
    prompts = Components(rows.size)
    drop_equal(ledger, keys, prompts, tally, classes=False)
    _drop_near(rows, ledger, near, tally, task)
    draws = draw(rows, seed)
    if sample is not None:
        sample_pool(ledger, sample, draws, tally, each=len(shares))
    assign(ledger, *units_of(ledger, prompts), draws, shares)
    if transfer is not None:
        sample_transfer(ledger, transfer, tally)
    return ledger


def _drop_near(rows: StoredRows, ledger: Ledger, near: float | None, tally: Tally, task: Task) -> None:
    """Near duplicates are found among whole conversations, so prompts that are equal don't count as one."""
    alike = Components(rows.size)
    if near is not None:
        ledger.searched[:] = ledger.kept
        join_near(
            rows, ledger, alike,
            threshold=near, scratch=task.scratch, progress=progress.near(task), key=whole_text,
        )  # fmt: skip
    ledger.target[:] = 0  # whatever the answer: it was part of what is compared
    drop_near(ledger, alike, tally)
    ledger.target = None
