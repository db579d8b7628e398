"""Duplicate conversations dropped, and the pool split with prompts, groups and templates kept together."""

from slmworks.contract.stage import Task
from slmworks_text import progress
from slmworks_text.conversations.comparing import answers_key, prompt_key, whole_text
from slmworks_text.joining import Joins, split_pool
from slmworks_text.joins.components import Components
from slmworks_text.joins.equal import drop_equal
from slmworks_text.joins.near import drop_near, join_near
from slmworks_text.joins.semantic import drop_semantic
from slmworks_text.joins.watching import Watch
from slmworks_text.ledger import Ledger, survey
from slmworks_text.rows import Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.text_hashes import Hashes


def join_conversations(
    rows: StoredRows, joins: Joins, tally: Tally, task: Task, watch: Watch, *, pairs: bool
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
    watch.joined("equal", ledger, prompts)
    _drop_near(rows, ledger, joins, tally, task, watch)
    split_pool(rows, ledger, prompts, joins, tally, watch, classes=False, key=whole_text)
    return ledger


def _drop_near(
    rows: StoredRows, ledger: Ledger, joins: Joins, tally: Tally, task: Task, watch: Watch
) -> None:
    """Near duplicates are found among whole conversations, so prompts that are equal don't count as one."""
    alike = Components(rows.size)
    if joins.near is not None:
        ledger.searched[:] = ledger.kept
        join_near(
            rows, ledger, alike,
            threshold=joins.near, scratch=task.scratch, progress=progress.near(task), key=whole_text,
        )  # fmt: skip
    ledger.target[:] = 0  # whatever the answer: it was part of what is compared
    drop_near(ledger, alike, tally)
    watch.joined("near", ledger, alike)
    if joins.semantic is not None:
        drop_semantic(rows, ledger, alike, joins.semantic, tally, task, watch, whole_text)
    ledger.target = None
