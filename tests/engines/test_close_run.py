"""The end of an orchestrated run: which state each task gets, as a table."""

import pytest

from slmworks.engines.close_run import DIED, UNSEEN, settled, state_of

STOPPED = ("stopped", "stopped with the run")
NOTHING = {
    "recorded": None,
    "blocking": "",
    "ending": "failed",
    "broken": False,
    "behind": False,
    "left_out": "",
}


@pytest.mark.parametrize(
    ("case", "end"),
    [
        # a record stands, whatever the orchestrator says
        ({"recorded": "done"}, None),
        ({"recorded": "failed"}, None),
        ({"recorded": "refused", "ending": "done"}, None),
        ({"recorded": "done", "ending": "stopped"}, None),
        # but not a result of an earlier try whose inputs are gone
        ({"recorded": "done", "blocking": "a failed", "broken": True}, ("skipped", "a failed")),
        ({"recorded": "cached", "blocking": "a stopped", "ending": "stopped"}, STOPPED),
        # it began and did not end
        ({"recorded": "running"}, ("failed", DIED)),
        ({"recorded": "running", "ending": "done"}, ("failed", DIED)),
        ({"recorded": "running", "ending": "stopped"}, STOPPED),
        # it never began: something else explains it …
        ({"blocking": "a failed", "broken": True}, ("skipped", "a failed")),
        ({"broken": True}, ("skipped", "not reached")),
        ({"ending": "done"}, ("skipped", "not reached")),
        ({"ending": "done", "left_out": "nothing new"}, ("skipped", "nothing new")),
        ({"behind": True, "left_out": "m v1 waits for approval"}, ("skipped", "m v1 waits for approval")),
        ({"behind": True}, ("skipped", "not reached")),
        ({"ending": "stopped"}, STOPPED),
        # … or nothing does
        ({}, ("failed", UNSEEN)),
        ({"ending": None}, ("failed", UNSEEN)),
    ],
)
def test_the_state_of_a_task(case, end) -> None:
    assert state_of(**{**NOTHING, **case}) == end


def edge(task: str, *needs: str, after: bool = False) -> dict:
    return {"id": task, "inputs": {"data": list(needs)}, "after_approval": after}


def test_a_task_that_was_never_seen_explains_those_behind_it() -> None:
    plan = [edge("a"), edge("b", "a"), edge("c", "b"), edge("d")]
    assert settled(plan, {"a": "done"}, "failed") == {
        "b": ("failed", UNSEEN),
        "c": ("skipped", "b failed"),
        "d": ("skipped", "not reached"),
    }


def test_tasks_behind_an_approval_wait_for_it() -> None:
    plan = [edge("register"), edge("approve", "register", after=True), edge("deploy", "approve", after=True)]
    ends = settled(plan, {"register": "done"}, "done", waiting="m v1 waits for approval")
    assert set(ends.values()) == {("skipped", "m v1 waits for approval")}


def test_the_run_after_an_approval_is_judged_like_any_other() -> None:
    plan = [edge("approve", "register", after=True), edge("deploy", "approve", after=True)]
    assert settled(plan, {"approve": "done"}, "failed") == {"deploy": ("failed", UNSEEN)}
