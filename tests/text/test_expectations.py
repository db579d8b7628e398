"""What a data set must be like, and how it is said that it isn't."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks_text.curate import CurateText
from slmworks_text.ranges import Range

ROWS = [{"text": f"row number {i} of all", "label": "spam" if i % 4 == 0 else "ham"} for i in range(80)]
ROWS += [
    *ROWS[:8],
    {"text": "nobody knows", "label": ""},
    {"text": "both", "label": "spam"},
    {"text": "Both", "label": "ham"},
]
FILES = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS)}}


@pytest.mark.parametrize(
    ("written", "within", "outside"),
    [
        (3, (3,), (2, 4)), ("3", (3,), (4,)), (">= 3", (3, 9), (2,)), ("> 0.1, < 0.5", (0.2,), (0.1, 0.5)),
        ("0.05..0.5", (0.05, 0.5), (0.04, 0.51)), ("3..", (3, 99), (2,)), ("..3", (3, -1), (4,)), ("1e3..2e3", (1500,), (9,)),
    ],
)  # fmt: skip
def test_ranges(written: Any, within: tuple[float, ...], outside: tuple[float, ...]) -> None:
    found = Range.parse(written)
    assert all(map(found.holds, within))
    assert not any(map(found.holds, outside))


def test_what_is_expected_and_found_makes_no_difference(curate: Callable[..., Dataset]) -> None:
    expect = {"rows": 80, "train": "> 50", "label_share": {"spam": "0.2..0.3"}, "source_share": {"all": 1},
              "duplicates": "< 0.1", "conflicts": "< 0.03", "null": "< 0.02", "labels": 2, "filtered": 0}  # fmt: skip
    assert curate(FILES, expect=expect).digest == curate(FILES).digest


def test_all_that_was_found_is_said(curate: Callable[..., Dataset]) -> None:
    expect = {
        "rows": ">= 1000",
        "label_share": {"spam": "0.5..", "hm": "> 0"},
        "duplicates": "< 0.05",
        "null": 0,
        "test": "1..",
    }
    with pytest.raises(BadRequest) as refused:
        curate(FILES, expect=expect)
    assert str(refused.value).splitlines() == [
        "with.expect: 5 of 6 not met:",
        "  rows: 80, expected >= 1000;",
        "  label_share.spam: 0.25 (20 of 80 rows), expected 0.5..;",
        "  label_share.hm: 0 (0 of 80 rows; there is none. Did you mean 'ham'?), expected > 0;",
        "  duplicates: 0.08791 (8 of 91 rows), expected < 0.05;",
        "  null: 0.01099 (1 of 91 rows), expected 0",
    ]


@pytest.mark.parametrize(
    ("expect", "where", "problem"),
    [
        ({"rows": "=> 10"}, ("rows",), "is no range; write"),
        ({"label_share": {"spam": "0.5..0.1"}}, ("label_share", "spam"), "the smaller one comes first"),
        ({"duplicates": "< 20"}, ("duplicates",), "a share of rows is between 0 and 1"),
        ({"rows": True}, ("rows",), "is no range"),
        ({"row": 3}, (), "Did you mean 'rows'?"),
        ({"label_share": 3}, (), "label_share"),
    ],
)
def test_mistakes_are_refused_before_anything_runs(expect: Any, where: tuple[str, ...], problem: str) -> None:
    with pytest.raises(OptionError) as refused:
        configure(CurateText, "text", {"expect": expect})
    assert refused.value.where == ("expect", *where)
    assert problem in refused.value.problem


def test_conversations(chat: Callable[..., Dataset]) -> None:
    rows = [{"prompt": f"what is {i}?", "completion": "a number" if i else ""} for i in range(20)]
    files = {"all": {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}}
    with pytest.raises(BadRequest, match=r"null: 0\.05 \(1 of 20 rows\), expected < 0\.01"):
        chat(files, expect={"null": "< 0.01"}, keep_templates=False)
    assert chat(files, expect={"rows": 19, "null": "< 0.1"}, keep_templates=False).splits
    said = [
        {"messages": [{"role": "assistant", "content": "Hi"}]}
    ]  # no turn of the user, but nothing is missing
    files["more"] = {"rows.jsonl": json.dumps(said[0]) + "\n"}
    with pytest.raises(BadRequest, match=r"null: 0\.04762 \(1 of 21 rows\)"):
        chat(files, expect={"null": 0}, keep_templates=False, max_unusable=1.0)
