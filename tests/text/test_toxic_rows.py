"""`toxicity`: rows that a classifier of the user's calls toxic."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import bag_models
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.contract.stage import Stage
from slmworks.curate.operator import Dropped, Kept, TextRow
from slmworks.testing import Bench, sealed
from slmworks_text.curate import CurateText
from slmworks_text.curate_chat import CurateChat
from slmworks_text.explain.explained import explained
from slmworks_text.operators.toxicity import Toxicity

LABELS = ["fine", "insult", "threat"]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """`fool` is an insult and `beware` a threat, with a probability of 0.96 each."""
    return bag_models.classifier(tmp_path_factory.mktemp("judge"), ["fool", "beware"], LABELS)


def row(*texts: str, source: str = "web") -> TextRow:
    return TextRow(texts, ("text",) if len(texts) == 1 else ("user", "assistant"), source=source)


def opened(judge: Model, **options: Any) -> Toxicity:
    return configure(Toxicity, "toxicity", options).opened({"judge": judge.path})


def test_rows_are_judged_by_their_worst_text(judge: Model) -> None:
    toxic = Dropped("toxic", "probability 0.965, from 0.5 on")
    operator = opened(judge, classes=("insult",))
    rows = [row("you fool"), row("hello there"), row("so what", "Fool"), row("beware"), row("")]
    assert operator.apply_all(rows) == [toxic, None, toxic, None, None]
    assert [operator.apply(one) for one in rows] == operator.apply_all(rows)
    assert pickle.loads(pickle.dumps(operator)).apply(rows[0]) == toxic
    both = opened(judge, classes=("insult", "threat"), threshold=0.97)
    assert both.apply_all([row("you fool"), row("fool beware")]) == [
        Dropped("toxic", "probability 0.982, from 0.97 on"),
        Dropped("toxic", "probability 0.991, from 0.97 on"),
    ]
    tag = opened(judge, classes=("threat",), action="tag", batch_size=8)
    assert tag.apply(row("beware of the dog")) == Kept(source="web:toxic", found={"toxic": 1})


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (
            ("insults",),
            r"with.operators.toxicity.classes: the judge has no label 'insults'. Did you mean 'insult'",
        ),
        (("insult", "insult"), "it names 'insult' twice"),
        (("fine", "insult", "threat"), "it names all labels of the judge, so every text would be toxic"),
    ],
)
def test_labels_that_the_judge_lacks_are_refused(judge: Model, classes: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        opened(judge, classes=classes)
    with pytest.raises(OptionError, match="classes"):
        configure(Toxicity, "toxicity", {"classes": ()})


def test_a_model_that_sorts_nothing_is_no_judge(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="judge: a model for feature-extraction doesn't sort texts"):
        opened(bag_models.embedder(tmp_path, ["a"]), classes=("insult",))


def curated(plugin: Stage, tmp_path: Path, rows: list[dict[str, Any]], judge: Model) -> Dataset:
    folder = written(tmp_path, rows)
    given: dict[str, Any] = {"data": folder, "judge": judge, "task": Bench(tmp_path / "bench").task("run")}
    made: Dataset = plugin.run(**given)  # type: ignore[attr-defined]
    return sealed(made)


def written(tmp_path: Path, rows: list[dict[str, Any]]) -> Files:
    (tmp_path / "raw/all").mkdir(parents=True)
    (tmp_path / "raw/all/a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return sealed(Files(path=tmp_path / "raw"))


ROWS = [{"text": f"row {i} {'you fool' if i % 8 == 0 else ''}", "label": "ab"[i % 2]} for i in range(64)]
OPERATORS = [{"toxicity": {"classes": ["insult"]}}]


def test_a_curation_asks_the_judge(tmp_path: Path, judge: Model) -> None:
    data = curated(CurateText(operators=OPERATORS), tmp_path, ROWS, judge)
    assert data.summary["dropped"]["toxicity: toxic"] == 8
    assert not any("fool" in text for split in data.splits for text in data.columns(split, "text")[0])
    (said,) = json.loads((data.path / "card.json").read_text())["operators"]
    assert said["first"] == {"toxic": "all/a.jsonl row 1: probability 0.965, from 0.5 on"}


def test_answers_alone_can_be_judged(tmp_path: Path, judge: Model) -> None:
    rows = [
        {
            "prompt": f"{'fool' if i % 2 else 'dear'} {i}?",
            "completion": f"{'fool' if i % 5 == 0 else 'yes'} {i}",
        }
        for i in range(40)
    ]
    plugin = CurateChat(
        operators=[{"toxicity": {"classes": ["insult"], "roles": ["assistant"], "action": "tag"}}]
    )
    data = curated(plugin, tmp_path, rows, judge)
    sources = [source for split in data.splits for source in data.columns(split, "source")[0]]
    assert (sources.count("all:toxic"), sources.count("all")) == (8, 32)


def test_it_is_explained(tmp_path: Path, judge: Model) -> None:
    lines = explained(
        CurateText(operators=OPERATORS), "all:9", written(tmp_path, ROWS), {"judge": judge},
        Bench(tmp_path / "bench").task("explain"),
    )  # fmt: skip
    assert list(lines)[-1] == ("toxicity", "dropped: toxic (probability 0.965, from 0.5 on)")
