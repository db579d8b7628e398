"""Drift: what is measured against an earlier data set, bounded by expectations, and refused where it can't be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.testing import Bench
from slmworks_text.curate import CurateText
from slmworks_text.drift import embedded as meaning
from slmworks_text.drift.sketch import sketch, splits_in

Curated = Callable[..., Dataset]
WORDS = [
    "please",
    "send",
    "the",
    "money",
    "back",
    "to",
    "my",
    "card",
    "account",
    "today",
    "or",
    "tomorrow",
    "morning",
]


def rows(count: int, spam: int, seed: int, *, more: str = "") -> str:
    """`spam` of ten rows are spam; `more` stands at the end of each."""
    rng = np.random.default_rng(seed)
    found = [
        {"text": f"{' '.join(rng.choice(WORDS, 9))} {seed} {i} {more}".strip(), "label": "spam" if i % 10 < spam else "ham"}
        for i in range(count)
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in found)


def files_of(data: Dataset) -> dict[str, bytes]:
    return {f"{split}.parquet": data.file(split).read_bytes() for split in data.splits}


def card_of(data: Dataset) -> dict[str, Any]:
    return dict(json.loads((data.path / "card.json").read_text()))


@pytest.fixture
def earlier(curate: Curated) -> dict[str, bytes]:
    return files_of(curate({"all": {"rows.jsonl": rows(400, 3, 1)}}))


def drifted(curate: Curated, earlier: dict[str, bytes], new: str, **options: Any) -> Dataset:
    return curate({"all": {"rows.jsonl": new}, "before": earlier}, drift={"against": "before"}, **options)


def test_the_same_kind_of_rows_do_not_differ(curate: Curated, earlier: dict[str, bytes]) -> None:
    data = drifted(curate, earlier, rows(400, 3, 2))
    drift = card_of(data)["drift"]
    assert drift["rows"] == {"before": 400, "now": 400}
    assert min(drift[part]["p_holm"] for part in ("labels", "lengths")) > 0.05
    assert drift["labels"]["psi"] < 0.02
    assert drift["vocabulary"]["js"] < 2 * drift["vocabulary"]["within"]["js"]
    assert set(card_of(data)["splits"]["train"]["sources"]) == {"all"}


def test_other_labels_longer_texts_and_new_words_are_found(
    curate: Curated, earlier: dict[str, bytes]
) -> None:
    drift = card_of(drifted(curate, earlier, rows(400, 7, 3, more="voucher lottery winner")))["drift"]
    assert max(drift[part]["p_holm"] for part in ("labels", "lengths")) < 0.001
    assert drift["labels"]["psi"] > 0.2
    assert drift["labels"]["moved"][0][0] in ("ham", "spam")
    assert [word for word, _ in drift["vocabulary"]["new"]] == ["lottery", "voucher", "winner"]
    assert drift["labels"]["p_holm"] >= drift["labels"]["p"]


def test_expectations_bound_drift(curate: Curated, earlier: dict[str, bytes]) -> None:
    met = drifted(curate, earlier, rows(400, 3, 2), expect={"drift": {"label_psi": "< 0.1", "p": ">= 0.01"}})
    assert met.summary["expected"][0].startswith("drift.label_psi < 0.1: 0")
    with pytest.raises(BadRequest) as refused:
        drifted(
            curate, earlier, rows(400, 7, 3), expect={"drift": {"label_psi": "< 0.1", "embedding_mmd": "< 1"}}
        )
    assert "drift.label_psi: 0.67" in str(refused.value)
    assert "drift.embedding_mmd: not measured; give the step an `embedder`" in str(refused.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rows.jsonl": b"{}"}, "the input 'before' has no train.parquet"),
        ({"train.parquet": b"not a parquet file"}, "before/train.parquet: is no Parquet file"),
    ],
)
def test_an_input_that_is_no_data_set_is_refused(curate: Curated, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        drifted(curate, files, rows(40, 3, 2))


def test_another_kind_of_data_set_is_refused(chat: Curated, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "train.parquet")
    said = "".join(json.dumps({"prompt": f"Say {i}", "completion": f"{i}"}) + "\n" for i in range(40))
    given = {
        "talk": {"rows.jsonl": said},
        "before": {"train.parquet": (tmp_path / "train.parquet").read_bytes()},
    }
    with pytest.raises(
        BadRequest, match="before/train.parquet has no column 'messages', so it is no data set"
    ):
        chat(given, drift={"against": "before"})


def test_options_are_checked_before_anything_runs() -> None:
    with pytest.raises(OptionError, match="set drift: {against: INPUT}"):
        configure(CurateText, "text", {"expect": {"drift": {"p": "> 0.01"}}})
    with pytest.raises(OptionError):
        configure(
            CurateText, "text", {"drift": {"against": "x"}, "expect": {"drift": {"label_ps": "> 0.01"}}}
        )


def test_the_sample_is_drawn_by_id_whatever_the_order_of_files(tmp_path: Path, curate: Curated) -> None:
    data = curate({"all": {"rows.jsonl": rows(400, 3, 1)}})
    files = splits_in(data.path)
    one = sketch(files, "text-classification", sampled=25)
    other = sketch(dict(reversed(files.items())), "text-classification", sampled=25)
    ids = sorted(id_ for split in files for id_ in data.columns(split, "id")[0])[:25]
    assert (
        sorted(map(str, (id_ for id_, _ in one.sample)))
        == sorted(map(str, (i for i, _ in other.sample)))
        == ids
    )


def test_meaning_is_compared_by_an_embedder(
    curate: Curated, earlier: dict[str, bytes], tiny_embedder: Model, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    before = {name: tmp_path / name for name in earlier}
    for name, content in earlier.items():
        before[name].write_bytes(content)
    one = sketch(splits_in(tmp_path), "text-classification", sampled=60)
    other = sketch(
        splits_in(curate({"all": {"rows.jsonl": rows(90, 3, 5)}}).path), "text-classification", sampled=60
    )
    task = Bench(tmp_path / "bench2").task("drift")
    alike = meaning.embedded(one, one, tiny_embedder, task)
    assert alike["rows"] == [60, 60]
    assert alike["p"] > 0.9
    assert alike["mmd2"] < meaning.embedded(one, other, tiny_embedder, task)["mmd2"]
