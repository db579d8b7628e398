"""Parts of skeletons, stage by stage: fields of the class, statements of `run`, and a test.

All texts are `string.Template`s with the words that `skeleton.files` gives.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """The parts of a skeleton that differ from stage to stage."""

    description: str
    """Docstring of the class: one sentence."""
    promise: str
    """Docstring of `run`."""
    run: str
    """Statements of `run`."""
    test: str
    """The test module."""
    fields: str = ""
    """Traits and options of the class."""
    imports: tuple[str, ...] = ("from typing import ClassVar",)
    """Imports from outside slmworks, sorted, with an empty line between groups."""
    ours: tuple[str, ...] = ()
    """Names of slmworks' public face that are used beside those of the ports."""
    requires: tuple[str, ...] = ()
    """Distributions of the extra `run`."""
    leaves_out: tuple[str, ...] = ()
    """Optional ports that `run` doesn't take."""


# --- stages that make a model from a model ---------------------------------------------------------------

COPY = """\
        shutil.copytree($given.path, task.output, dirs_exist_ok=True, copy_function=shutil.copyfile)
        task.say("handed on as it was")
        return Model(path=task.output, format=$given.format, meta=dict($given.meta))
"""

COPY_TEST = '''\
"""The model comes out as it went in."""

from pathlib import Path

from slmworks import $kinds
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_hands_on_the_model_as_it_is(tmp_path: Path) -> None:
    """Files and meta are those of the input."""
    bench = Bench(tmp_path)
    (tmp_path / "given").mkdir()
    (tmp_path / "given/model.safetensors").write_bytes(b"weights")
    given = bench.keep(Model(path=tmp_path / "given", meta={"max_length": 32}))
    plugin = $cls()
    made = plugin.run($arguments, task=bench.task("run"))
    assert (made.path / "model.safetensors").read_bytes() == b"weights"
    assert made.meta == given.meta
'''


def _copying(data: str = "", *leaves_out: str) -> Body:
    """A step that hands on the model; `data`: its port for rows."""
    reads = f'    reads: ClassVar = {{"{data}": ("train", "validation")}}\n' if data else ""
    return Body(
        description="Hand on the model as it is.",
        promise="Copy the model's files.",
        run=COPY,
        test=COPY_TEST,
        fields=f"{reads}    deterministic: ClassVar = True\n",
        imports=("import shutil", "from typing import ClassVar"),
        leaves_out=leaves_out,
    )


# --- fetch and curate -------------------------------------------------------------------------------------

FETCH = Body(
    description="Bring in files of this machine.",
    promise="Copy the files of each source; BadRequest for a source that lies elsewhere.",
    run="""\
        for name, source in sources.items():
            if source.kind != "local":
                raise BadRequest(f"from.{name}: {source.label} is elsewhere; fetch it with the plugin files.")
            for relative, file in source.files().items():
                target = task.output / name / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        return Files(path=task.output)
""",
    test='''\
"""Local files come in, others are refused."""

from pathlib import Path

import pytest
from slmworks import BadRequest, Source
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_copies_local_files(tmp_path: Path) -> None:
    """A source's files lie in a folder of its name."""
    (tmp_path / "rows.csv").write_text("text,label\\n")
    sources = {"train": Source.parse("rows.csv", folder=tmp_path)}
    plugin = $cls()
    made = plugin.run(sources=sources, task=Bench(tmp_path).task("run"))
    assert (made.folder("train") / "rows.csv").read_text() == "text,label\\n"


def test_it_refuses_what_lies_elsewhere(tmp_path: Path) -> None:
    """The message says which plugin can fetch it."""
    sources = {"train": Source.parse("https://example.org/rows.csv", folder=tmp_path)}
    plugin = $cls()
    with pytest.raises(BadRequest, match="the plugin files"):
        plugin.run(sources=sources, task=Bench(tmp_path).task("run"))
''',
    fields="    deterministic: ClassVar = True\n",
    imports=("import shutil", "from collections.abc import Mapping", "from typing import ClassVar"),
    ours=("BadRequest", "Source"),
)

CURATE = Body(
    description="Turn CSV files of labelled texts into the splits that they are called after.",
    promise="Write a Parquet file for each split, and `card.json`; BadRequest for a split without rows.",
    run="""\
        import pyarrow as pa
        import pyarrow.parquet as pq

        counts, labels = {}, set()
        for split in ("train", "validation", "test"):
            rows = []
            for file in sorted(data.path.glob(f"{split}/*.csv")):
                with file.open(newline="", encoding="utf-8") as lines:
                    rows += [(row[self.text], row[self.label]) for row in csv.DictReader(lines)]
            if not rows:
                raise BadRequest(f"no rows for the split '{split}'; give the fetch step `{split}: rows.csv`.")
            columns = {
                "id": [f"{split}-{number}" for number in range(len(rows))],
                "source": [split] * len(rows),
                "text": [text for text, _ in rows],
                "label": [label for _, label in rows],
            }
            pq.write_table(pa.table(columns), task.output / f"{split}.parquet")
            counts[split] = {"rows": len(rows)}
            labels.update(columns["label"])
        total = sum(count["rows"] for count in counts.values())
        card = {"rows": {"in": total, "out": total}, "labels": sorted(labels), "splits": counts}
        (task.output / "card.json").write_text(json.dumps(card, indent=1) + "\\n", encoding="utf-8")
        meta = {"task": "text-classification", "labels": sorted(labels)}
        return Dataset(path=task.output, meta=meta, summary={"rows": total})
""",
    test='''\
"""Splits hold the rows of their files."""

from pathlib import Path

import pytest
from slmworks import BadRequest, Files
from slmworks.testing import Bench

from $package.$stage import $cls

ROWS = "text,label\\nIt works.,good\\nIt broke.,bad\\n"


def files(folder: Path, *splits: str) -> Files:
    """The same two rows for each split."""
    for split in splits:
        (folder / "files" / split).mkdir(parents=True)
        (folder / "files" / split / "rows.csv").write_text(ROWS)
    return Files(path=folder / "files")


def test_each_file_becomes_a_split(tmp_path: Path) -> None:
    """Texts and labels are those of the file."""
    data = files(tmp_path, "train", "validation", "test")
    plugin = $cls()
    made = plugin.run(data=data, task=Bench(tmp_path).task("run"))
    assert made.splits == ("test", "train", "validation")
    assert made.columns("train", "text", "label") == [["It works.", "It broke."], ["good", "bad"]]
    assert made.meta["labels"] == ["bad", "good"]


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    """The message names the split."""
    plugin = $cls()
    given = files(tmp_path, "train", "test")
    with pytest.raises(BadRequest, match="'validation'"):
        plugin.run(data=given, task=Bench(tmp_path).task("run"))
''',
    fields='''\
    makes_model_task: ClassVar = "text-classification"
    deterministic: ClassVar = True
    depends_on: ClassVar = ("pyarrow",)

    text: str = "text"
    """Column of the text."""
    label: str = "label"
    """Column of the label."""
''',
    imports=("import csv", "import json", "from typing import ClassVar"),
    ours=("BadRequest",),
    requires=("pyarrow>=18",),
    leaves_out=("seeds", "teacher", "student"),
)

# --- evaluate and gate ------------------------------------------------------------------------------------

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
    leaves_out=("baseline", "judge"),
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

# --- register, approve and deploy: nobody else's registry, reviewers or machines can be guessed -----------

REFUSE_TEST = '''\
"""What isn't written yet is refused in one line."""

from pathlib import Path

import pytest
from slmworks import BadRequest, $kinds
from slmworks.testing import Bench

from $package.$stage import $cls


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    """Nothing is done halfway."""
    bench = Bench(tmp_path)
    plugin = $cls()
    with pytest.raises(BadRequest, match="not written yet"):
        plugin.run($arguments, task=bench.task("run"))
'''


def _refusing(description: str, missing: str) -> Body:
    """A step that refuses to run, with the sentence about the part that is missing."""
    return Body(
        description=description,
        promise="Not written yet.",
        run=f'        missing = "{missing}"\n'
        '        raise BadRequest(f"$stage $name is not written yet: {missing}")\n',
        test=REFUSE_TEST,
        fields="    light: ClassVar = True\n",
        ours=("BadRequest",),
    )


BODIES = {
    "fetch": FETCH,
    "curate": CURATE,
    "finetune": _copying("data"),
    "distill": _copying("data", "student"),
    "align": _copying("data"),
    "prune": _copying("", "data"),
    "factorize": _copying("", "data"),
    "quantize": _copying("", "calibration"),
    "export": _copying(),
    "evaluate": EVALUATE,
    "gate": GATE,
    "register": _refusing(
        "Enter the chosen model in a registry.",
        "make the release in task.output and return a Release with name and version in its meta.",
    ),
    "approve": _refusing(
        "Hand on a release that a person approved.",
        "look up who decided, and return the release or raise BadRequest.",
    ),
    "deploy": _refusing(
        "Put an approved release where it answers.",
        "verify the approval, deploy, and write deployment.json into task.output.",
    ),
}
"""Stage -> the parts of its skeleton."""
