"""The share of pairs whose better answer is the likelier one, in a report of either format and against a baseline."""

import json
from pathlib import Path
from typing import Any

import pytest
from pairs import pair, paired
from toys import exported, toy

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.evaluate.quality import Quality
from slmworks.testing import Bench, sealed

META = {"task": "text-generation", "max_new_tokens": 4, "parameters": 62_000}
ROWS = [pair(number) for number in range(24)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    folder = tmp_path_factory.mktemp("models")
    made = toy(folder / "hf")
    hf = sealed(Model(path=made.path, format="hf", meta={**made.meta, **META}))
    return {"hf": hf, "gguf": exported(hf, Bench(folder))}


def rows(swapped: int) -> list[dict[str, Any]]:
    """Answers of equal length in random styles; the first ones the wrong way round."""
    made = []
    for place, one in enumerate(ROWS):
        better, worse = f"{one['completion']} A.", f"{one['completion']} B."
        made.append(
            {**one, "completion": better, "rejected": worse}
            if place >= swapped
            else {**one, "completion": worse, "rejected": better}
        )
    return made


def judged(bench: Bench, model: Model, data: Dataset, name: str, **more: Any) -> dict[str, Any]:
    plugin = Quality(resamples=50)
    made = plugin.run(model=model, data=data, task=bench.task(name), **{"baseline": None, **more})
    return {"report": made, **json.loads((made.path / "report.json").read_text())["splits"]["test"]}


def data_of(folder: Path, made: list[dict[str, Any]]) -> Dataset:
    return paired(folder, train=made[:8], validation=made[8:12], test=made[12:])


def test_it_counts_pairs_whose_better_answer_is_likelier(
    bench: Bench, models: dict[str, Model], tmp_path: Path
) -> None:
    made = rows(16)
    data = data_of(tmp_path / "data", made)
    runtime = open_runtime(models["hf"], threads=1)
    scored = [
        [one.nll for one in runtime.scored([{**row, "completion": row[name]} for row in made[12:]])]
        for name in ("completion", "rejected")
    ]
    wanted = sum(better < worse for better, worse in zip(*scored, strict=True)) / 12
    assert 0 < wanted < 1
    found = judged(bench, models["hf"], data, "hf")
    assert found["measures"]["preferred"]["value"] == pytest.approx(wanted)
    other = judged(bench, models["gguf"], data, "gguf", baseline=sealed(found["report"]))
    assert other["measures"]["preferred"]["value"] == pytest.approx(wanted)
    against = other["against"]["further"]["preferred"]
    assert against["theirs"] == pytest.approx(wanted, abs=1e-6)
    assert against["better"]["value"] == 0
    for name in ("exact_match", "perplexity"):
        assert name in found["measures"]


@pytest.mark.parametrize("missing", ["column", "one row"])
def test_without_a_rejected_answer_in_every_row_it_is_absent(
    missing: str, bench: Bench, models: dict[str, Model], tmp_path: Path
) -> None:
    made = rows(0)
    made[14]["rejected"] = None
    if missing == "column":
        made = [{**one, "rejected": None} for one in made]
    found = judged(bench, models["hf"], data_of(tmp_path / "data", made), "one")
    assert "preferred" not in found["measures"]
    assert "perplexity" in found["measures"]


def test_equal_answers_are_refused(bench: Bench, models: dict[str, Model], tmp_path: Path) -> None:
    made = rows(0)
    made[13]["rejected"] = made[13]["completion"]
    with pytest.raises(BadRequest, match="row 'test-1': its completion and its rejected answer are equal"):
        judged(bench, models["hf"], data_of(tmp_path / "data", made), "one")
