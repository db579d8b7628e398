"""Parts of the skeletons of stages that judge models: evaluate, select, gate."""

from slmworks.authoring.body import Body

EVALUATE = Body(
    description="Count the bytes of a model.",
    promise="Write `report.json`.",
    run="""\
        size = sum(file.stat().st_size for file in model.path.rglob("*") if file.is_file())
        report = {"type": "$name", "bytes": size}
        (task.output / "report.json").write_text(json.dumps(report, indent=1) + "\\n", encoding="utf-8")
        meta, refs = {"type": "$name"}, {"model": model.digest, "data": data.digest}
        return Report(path=task.output, meta=meta, refs=refs, summary={"bytes": size})
""",
    test='''\
"""The report holds the size of the model."""

from pathlib import Path

from slmworks import Dataset, Model
from slmworks.testing import Bench

from $package.$stage import $cls


def test_the_report_is_about_the_model(tmp_path: Path) -> None:
    """It counts the model's bytes and names the model by digest."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.onnx").write_bytes(b"12345")
    model = Model(path=tmp_path / "model", format="onnx", digest="m" * 64)
    data = Dataset(path=tmp_path, digest="d" * 64)
    plugin = $cls()
    made = plugin.run(model=model, data=data, task=Bench(tmp_path).task("run"))
    assert made.read() == {"type": "$name", "bytes": 5}
    assert made.refs["model"] == model.digest
''',
    fields="    deterministic: ClassVar = True\n",
    imports=("import json", "from typing import ClassVar"),
    leaves_out=("baseline", "judge", "probes"),
)

SELECT = Body(
    description="Let the best candidates on validation go on.",
    promise="Write `selection.json`; BadRequest if no report judges a model.",
    run="""\
        found = [QualityReport(report) for report in reports if is_quality(report)]
        if not found:
            raise BadRequest("no report judges a model; give it a step that evaluates with quality.")
        ranked = sorted(found, key=lambda one: one.value("validation"), reverse=True)
        on, off = ranked[: self.keep], ranked[self.keep :]
        rows = [{"model": one.model, "goes_on": one in on} for one in ranked]
        (task.output / "selection.json").write_text(json.dumps({"rows": rows}) + "\\n", encoding="utf-8")
        stopped = {one.model: f"behind {on[-1].model[:12]}" for one in off}
        meta = {"goes_on": [one.model for one in on], "stopped": stopped}
        return Selection(path=task.output, meta=meta, summary={"goes_on": len(on)})
""",
    test='''\
"""The better models go on, and a report is asked for."""

import json
from pathlib import Path

import pytest
from slmworks import BadRequest, Report
from slmworks.testing import Bench

from $package.$stage import $cls


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder in which plugins run."""
    return Bench(tmp_path)


def report(bench: Bench, accuracy: float) -> Report:
    """A report of evaluate quality, as far as this selection reads it."""
    folder = bench.folder / f"report-{accuracy}"
    folder.mkdir()
    splits = {"validation": {"measures": {"accuracy": {"value": accuracy}}}}
    (folder / "report.json").write_text(json.dumps({"type": "quality", "splits": splits}))
    meta = {"type": "quality", "task": "text-classification"}
    return bench.keep(Report(path=folder, meta=meta, refs={"model": f"model-{accuracy}"}))


def test_the_better_model_goes_on(bench: Bench) -> None:
    """The others are named with the reason."""
    plugin = $cls(keep=1)
    reports = [report(bench, 0.7), report(bench, 0.9)]
    made = plugin.run(reports=reports, task=bench.task("run"))
    assert made.meta["goes_on"] == ["model-0.9"]
    assert made.meta["stopped"] == {"model-0.7": "behind model-0.9"}


def test_without_a_report_on_quality_nothing_is_selected(bench: Bench) -> None:
    """The message says which step is missing."""
    plugin = $cls()
    with pytest.raises(BadRequest, match="evaluates with quality"):
        plugin.run(reports=[], task=bench.task("run"))
''',
    fields='''\
    deterministic: ClassVar = True
    light: ClassVar = True

    keep: PositiveInt = 1
    """How many candidates go on."""
''',
    imports=(
        "import json",
        "from collections.abc import Sequence",
        "from typing import ClassVar",
        "",
        "from pydantic import PositiveInt",
    ),
    ours=("BadRequest", "QualityReport", "is_quality"),
)

GATE = Body(
    description="Pass the best model if it is good enough.",
    promise="Write `verdict.json`; BadRequest if no report judges a model.",
    run="""\
        found = [QualityReport(report) for report in reports if is_quality(report)]
        if not found:
            raise BadRequest("no report judges a model; give the gate a step that evaluates with quality.")
        best = max(found, key=QualityReport.value)
        passed = best.value() >= self.minimum
        words = f"{best.measure.title} {best.value():.3f}, {self.minimum:g} required"
        sentence = f"{'passed' if passed else 'refused'}: {words}"
        verdict = {"passed": passed, "sentence": sentence}
        (task.output / "verdict.json").write_text(json.dumps(verdict) + "\\n", encoding="utf-8")
        meta, refs = {"passed": passed}, {"model": best.model}
        return Verdict(path=task.output, meta=meta, refs=refs, summary={"sentence": sentence})
""",
    test='''\
"""The gate passes a good model, refuses a bad one, and asks for a report."""

import json
from pathlib import Path

import pytest
from slmworks import BadRequest, Report
from slmworks.testing import Bench

from $package.$stage import $cls


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder in which plugins run."""
    return Bench(tmp_path)


def report(bench: Bench, accuracy: float) -> Report:
    """A report of evaluate quality, as far as this gate reads it."""
    folder = bench.folder / f"report-{accuracy}"
    folder.mkdir()
    splits = {"test": {"measures": {"accuracy": {"value": accuracy}}}}
    (folder / "report.json").write_text(json.dumps({"type": "quality", "splits": splits}))
    meta = {"type": "quality", "task": "text-classification"}
    return bench.keep(Report(path=folder, meta=meta, refs={"model": f"model-{accuracy}"}))


def test_the_best_model_passes_if_it_is_good_enough(bench: Bench) -> None:
    """The verdict names the chosen model."""
    reports = [report(bench, 0.7), report(bench, 0.9)]
    plugin = $cls(minimum=0.8)
    verdict = plugin.run(reports=reports, task=bench.task("run"))
    assert verdict.passed
    assert verdict.refs["model"] == "model-0.9"


def test_a_model_that_is_not_good_enough_is_refused(bench: Bench) -> None:
    """The sentence says what was required."""
    plugin = $cls(minimum=0.8)
    reports = [report(bench, 0.7)]
    verdict = plugin.run(reports=reports, task=bench.task("run"))
    assert verdict.read()["sentence"] == "refused: accuracy 0.700, 0.8 required"


def test_without_a_report_on_quality_there_is_no_verdict(bench: Bench) -> None:
    """The message says which step is missing."""
    plugin = $cls()
    with pytest.raises(BadRequest, match="evaluates with quality"):
        plugin.run(reports=[], task=bench.task("run"))
''',
    fields='''\
    deterministic: ClassVar = True
    light: ClassVar = True

    minimum: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Value on the split `test` that the deciding measure must reach."""
''',
    imports=(
        "import json",
        "from collections.abc import Sequence",
        "from typing import Annotated, ClassVar",
        "",
        "from pydantic import Field",
    ),
    ours=("BadRequest", "QualityReport", "is_quality"),
    leaves_out=("champion", "references"),
)
