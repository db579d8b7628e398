"""Training rows that share n-grams with what is measured are left out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest

TEST = "What is the capital city of the country that lies between France and Spain in the Pyrenees?"
LONG = (
    "here is a quiz. "
    + TEST.upper().replace("?", "!!")
    + " well, nobody in the whole room knew the answer to that one"
)
EXAM = "Name the river that flows through the three largest towns of the northern province of the island"


def lines(*texts: str) -> str:
    return "".join(json.dumps({"text": text, "label": "ab"[i % 2]}) + "\n" for i, text in enumerate(texts))


OTHERS = [
    f"an ordinary question about matter number {i}, with nothing in it that anybody measures {i}"
    for i in range(30)
]
FILES = {
    "train": {"rows.jsonl": lines(*OTHERS, LONG, f"so: {EXAM}", "Short, one!")},
    "test": {"rows.jsonl": lines(TEST, "short one", "another", "and more of them")},
    "validation": {"rows.jsonl": lines("one more", "the last one")},
    "exam": {"rows.jsonl": lines(EXAM, "not in any row of train")},
}
GIVEN: dict[str, Any] = {"against": ("exam",)}


def dropped(data: Dataset) -> dict[str, int]:
    card = json.loads((data.path / "card.json").read_text())
    return {reason: count for reason, count in card["dropped"].items() if reason.startswith("overlaps")}


def test_rows_with_n_grams_of_evaluation_sets_are_dropped(curate: Callable[..., Dataset]) -> None:
    data = curate(FILES, decontaminate=GIVEN)
    assert dropped(data) == {"overlaps with test": 2, "overlaps with validation": 0, "overlaps with exam": 1}
    train = [row["text"] for row in data.rows("train", "text")]
    assert not {LONG, f"so: {EXAM}", "Short, one!", EXAM} & {*train}
    card = json.loads((data.path / "card.json").read_text())
    assert card["rows"]["in"] == 39, "an evaluation set that is named is no rows"


def test_a_share_of_n_grams_may_be_allowed(curate: Callable[..., Dataset]) -> None:
    data = curate(FILES, decontaminate={**GIVEN, "overlap": 0.6})
    assert dropped(data) == {"overlaps with test": 1, "overlaps with validation": 0, "overlaps with exam": 1}


def test_without_the_option_nothing_is_dropped(curate: Callable[..., Dataset]) -> None:
    files = {name: FILES[name] for name in ("train", "test", "validation")}
    assert dropped(curate(files)) == {}


def test_an_evaluation_set_is_no_split(curate: Callable[..., Dataset]) -> None:
    with pytest.raises(BadRequest, match=r"with.decontaminate.against: 'test' is a split of the result"):
        curate(FILES, decontaminate={"against": ("test",)})
    with pytest.raises(BadRequest, match=r"no input named 'exams'. Did you mean 'exam'\?"):
        curate(FILES, decontaminate={"against": ("exams",)})


def test_conversations_are_compared_with_their_answers(chat: Callable[..., Dataset]) -> None:
    rows = [{"prompt": text, "completion": f"answer {i}"} for i, text in enumerate(OTHERS)]
    rows.append({"prompt": "go on", "completion": LONG})
    test = [{"prompt": TEST, "completion": "Andorra la Vella"}]
    files = {
        name: {"rows.jsonl": "".join(json.dumps(row) + "\n" for row in some)}
        for name, some in (("train", rows), ("test", test))
    }
    data = chat(files, decontaminate={}, keep_templates=False)
    assert dropped(data)["overlaps with test"] == 1


def test_characters_where_words_have_no_blanks(curate: Callable[..., Dataset]) -> None:
    question = "请问从北京南站到上海虹桥站最早的一班高铁是几点发车"
    train = [
        *(f"这是关于第{i}个问题的一个普通句子没有任何人会测量它{i}号" for i in range(30)),
        f"你好，{question}，谢谢",
    ]
    files = {
        "train": {"rows.jsonl": lines(*train)},
        "test": {"rows.jsonl": lines(question, "别的", "好", "不")},
        "validation": {"rows.jsonl": lines("甲", "乙")},
    }
    assert dropped(curate(files, decontaminate={}))["overlaps with test"] == 1
