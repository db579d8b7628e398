"""Row operators: rows cleaned in shards come to the rows and counts of one pass."""

import pickle
from copy import deepcopy

import pytest

from slmworks_text.operators import clean, operators_for
from slmworks_text.rows import Row, Tally
from slmworks_text.schema import schema_of

ROWS = [
    Row(text, target, "web", f"web/a.csv#{i}", place=2)
    for i, (text, target) in enumerate(
        [
            ("plain", "fine"),
            ("itâ€™s   fine", "a  b"),
            ("caf\ufffd", "x"),
            ("call +1 415 555 2671 or +1 415 555 2672", "mail ann@example.org"),
            ("", "x"),
            ("no", "x"),
            ("long " * 40, "x"),
        ]
    )
]


@pytest.mark.parametrize("model_task", ["text-classification", "feature-extraction"])
def test_shards_add_up(model_task: str) -> None:
    operators = operators_for(
        schema_of(model_task),
        bad_bytes=True, normalise=True, redact=("email", "phone"), region="US", min_chars=3, max_chars=100,
    )  # fmt: skip
    whole = Tally()
    expected = list(clean(deepcopy(ROWS), operators, whole))
    assert whole.dropped == {"no text": 1, "too short": 1, "too long": 1}
    assert whole.personal["phone"] == 2
    assert whole.personal["email"] == (model_task == "feature-extraction")

    found, tallies = [], []
    for start in (4, 0, 2):
        operators, tally = pickle.loads(pickle.dumps(operators)), Tally()
        found += clean(deepcopy(ROWS[start : start + (3 if start == 4 else 2)]), operators, tally)
        tallies.append(tally)
    assert sorted(found, key=lambda row: row.origin) == expected
    for name in ("dropped", "changed", "personal"):
        assert sum((getattr(one, name) for one in tallies), start=type(whole.dropped)()) == getattr(
            whole, name
        )


def test_only_the_operators_that_are_asked_for_run() -> None:
    schema, tally = schema_of("text-classification"), Tally()
    operators = operators_for(
        schema, bad_bytes=False, normalise=False, redact=(), region="US", min_chars=1, max_chars=None
    )
    rows = [row for row in ROWS if row.text]
    assert list(clean(deepcopy(rows), operators, tally)) == rows
    assert not tally.changed
