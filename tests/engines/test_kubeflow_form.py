"""The form of "Create run" on Kubeflow, and the parameters of its tasks: what they show is what runs."""

import json
import shutil
from pathlib import Path

import libyaml
import pytest

pytest.importorskip("kfp")

from kfp_spec import check_parameters, parse
from kfp_told import specs, told
from local_kfp import IMAGES, compiled, run_pipeline

from slmworks.cli.edits import with_changes
from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import configure, plain
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.pipeline import compile_plan
from slmworks.engines.kubeflow.told import changed, handed_on, spec_of
from slmworks.execution.records import task_record
from slmworks.execution.spec import TaskSpec
from slmworks.packet.notice import limits
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

ROOT = Path(__file__).parent.parent.parent
WITH = (
    ("with: {seconds: 0}", "with: {epochs: 3, rate: 0.5}"),
    ("gate: {uses: toy, from: {reports: evaluate}}", "gate: {uses: toy, from: {reports: evaluate}, with: {allow: true}}"),
)  # fmt: skip


@pytest.fixture
def line(works):
    """The toy line, with options of several kinds."""
    for old, new in WITH:
        works.recipe = works.recipe.replace(old, new)
    return works


def inputs(text: str) -> dict:
    """The inputs of a pipeline, as the form of "Create run" has them."""
    return next(iter(libyaml.load_all(text)))["root"]["inputDefinitions"]["parameters"]


def test_there_is_an_input_for_each_option_that_the_recipe_sets(line) -> None:
    form = inputs(compiled(line.write(), line.store, fresh=("student",)).first)
    assert list(form) == [
        "fresh", "gate__allow", "other_options", "requester", "teacher__epochs", "teacher__rate",
    ]  # fmt: skip
    assert (form["teacher__epochs"]["parameterType"], form["teacher__epochs"]["defaultValue"]) == (
        "NUMBER_INTEGER", 3,
    )  # fmt: skip
    assert form["teacher__rate"]["description"] == "How fast."
    assert form["gate__allow"]["parameterType"] == "BOOLEAN"
    assert form["fresh"]["defaultValue"] == ["student"]
    assert '{"student": {"seed": 1}}' in form["other_options"]["description"]


def same(spec: TaskSpec, options: dict) -> bool:
    """Whether a spec's options, in a pod, are these."""
    found = configure(plugin(spec.stage, spec.plugin).load(), spec.plugin, spec.options)
    return json.dumps(plain(found), sort_keys=True) == json.dumps(options, sort_keys=True)


RECIPES = ("intent-classifier", "first-generator", "compress")


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_component_shows_is_all_that_its_task_is_told_and_nothing_stands_twice(
    name: str, tmp_path: Path
) -> None:
    planned, pipelines = shipped(name, tmp_path)
    for text in (pipelines.first, pipelines.second):
        for given in told(text).values():
            parameters = {**handed_on(given), "run": ""}
            spec = changed(spec_of(parameters), parameters)
            task = planned.tasks[spec.id]
            assert (spec.stage, spec.plugin, spec.seed) == (task.stage, task.plugin, task.seed)
            assert same(spec, task.options), spec.id
            rest = parameters["spec"]
            assert isinstance(rest, dict), spec.id
            own = {key.partition("__")[2] for key in parameters if "__" in key}
            assert not own & rest.get("options", {}).keys()
            assert not {"plugin", "stage", "run", "fresh", "user"} & rest.keys()
            if not task.brings:
                assert own >= planned.recipe.steps[task.step].options.keys()


def shipped(name: str, folder: Path, *changes: str):
    """A shipped recipe with stand-ins for its data: its plan and its pipelines."""
    shutil.copy(ROOT / f"pipelines/{name}.yaml", folder)
    shutil.copytree(ROOT / "pipelines/examples", folder / "examples")
    (folder / "data").mkdir()
    for split in ("train", "test"):
        (folder / f"data/{split}.csv").write_text("text,label\nhello,greeting\n")
    planned = with_changes(plan(Recipe.read(folder / f"{name}.yaml")), changes)
    engine = EngineFile.read(ROOT / "pipelines/engines/kubeflow.yaml")
    return planned, compile_plan(planned, engine, "s3://slmworks/store", planned.pinned(None))


def test_what_kubeflow_would_change_or_take_for_a_template_goes_as_text(tmp_path: Path) -> None:
    changes = ("curate.system=Hello {{name}}", "zero_shot.max_new_tokens=null")
    planned, pipelines = shipped("first-generator", tmp_path, *changes)
    spec, _ = libyaml.load_all(pipelines.first)
    assert "{{" not in pipelines.first.replace("{{$}}", "").replace("{{$.pipeline_job_uuid}}", "")
    assert inputs(pipelines.first)["curate__system"]["defaultValue"] == '"Hello {\\u007bname}}"'
    assert inputs(pipelines.first)["curate__system"]["description"].endswith("(YAML)")
    found = {one.id: one for one in specs(pipelines.first)}
    for task in ("curate", "zero_shot"):
        assert same(found[task], planned.tasks[task].options)
    check_parameters(parse(spec), {"curate__system": "Bye"})
    changed = {one.id: one for one in specs(pipelines.first, curate__system="Bye")}
    assert changed["curate"].options["system"] == "Bye"


def test_a_form_that_was_changed_runs_what_set_would(line, tmp_path: Path) -> None:
    text = compiled(line.write(), line.store).first
    others = {"student": {"layers": [0, 2]}, "teacher": {"seed": 7}}
    ended = run_pipeline(
        text, line.store, tmp_path / "root",
        teacher__epochs=5, other_options=others, fresh=["curate"], requester="ada",
    )  # fmt: skip
    assert ended.succeeded, ended.log
    assert ended.states["curate"] == "done"
    changes = ["teacher.epochs=5", "teacher.seed=7", "student.layers=[0, 2]"]
    local = line.run(changes=changes)
    assert not local.worked
    assert ended.digests == line.digests(local)
    record = ended.record
    assert [(edit.step, edit.option, edit.was, edit.now) for edit in record.edits] == [
        ("teacher", "epochs", 3, 5), ("teacher", "seed", 0, 7), ("student", "layers", [0], [0, 2]),
    ]  # fmt: skip
    assert record.text.endswith("#   teacher.seed: 7\n#   student.layers: [0, 2]\n")
    assert (record.requester, limits(record)) == (("ada", "claimed: typed in the form of the run"), "")
    (teacher,) = (edge for edge in record.plan if edge["id"] == "teacher")
    assert (teacher["options"]["epochs"], teacher["seed"]) == (5, 7)


def test_a_gate_whose_limits_were_changed_is_noticed_and_a_wrong_field_ends_its_task(line, tmp_path) -> None:
    text = compiled(line.write(), line.store).first
    text = text.replace("slmworks-toy 1.0", "slmworks-toy 0.9")
    ended = run_pipeline(text, line.store, tmp_path / "root", gate__allow=False, requester="eve")
    assert "compiled with slmworks-toy 0.9; this image has slmworks-toy 1.0, the same code" in ended.log
    assert ended.states["gate"] == "refused"
    assert limits(ended.record) == "the gate's limits were changed by eve: allow true → false"
    ended = run_pipeline(text, line.store, tmp_path / "root2", other_options={"studnt": {"layers": [1]}})
    assert not ended.succeeded
    said = "other_options.studnt: no such step. Did you mean 'student'?"
    assert f"slmworks: {said}" in ended.log
    assert task_record(line.store, ended.run, "curate").error == said


def test_a_mistyped_field_ends_its_task_with_a_record_that_says_so(line, tmp_path: Path) -> None:
    line.recipe = line.recipe.replace(
        "student: {stage: distill,", "student: {stage: distill, with: {note: null},"
    )
    text = compiled(line.write(), line.store).first
    assert inputs(text)["student__note"]["description"] == "A remark. (YAML)"
    for number, (typed, said) in enumerate(
        (("[a", "student__note:1: not YAML: "), (" ", "student__note: is empty; give a value, "))
    ):
        ended = run_pipeline(text, line.store, tmp_path / f"root{number}", student__note=typed)
        assert not ended.succeeded
        record = task_record(line.store, ended.run, "student")
        assert record.state == "failed"
        assert record.error.startswith(said)
        assert "file" not in record.error


def test_a_pod_without_cores_of_its_own_takes_as_many_as_it_finds(line) -> None:
    for engine, threads in (
        (IMAGES, 0),
        (f"{IMAGES}defaults: {{cpu: 1}}\n", 1),
        (f"{IMAGES}defaults: {{cpu: 3}}\n", 3),
    ):
        found = specs(compiled(line.write(), line.store, engine).first)
        assert {spec.threads for spec in found} == {threads}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"other_options": {"quantize": {"bits": 2}}}, "other_options.quantize.bits: variants of quantize set bits themselves"),
        ({"other_options": {"raw": {"max_gb": 2}}}, "other_options.raw: what is registered, who approves, what follows and what local files are read is settled"),
        ({"other_options": {"student": 3}}, "other_options.student: must be a mapping of options."),
        ({"other_options": ["student"]}, "other_options: must be options by step"),
        ({"other_options": {"student": {"seed": -1}}}, "other_options.student.seed: must be a whole number"),
        ({"other_options": {"evaluate": {"seed": 1}}}, "other_options.evaluate.seed: variants of evaluate set seed themselves"),
        ({"fresh": ["teachr"]}, "fresh: no step 'teachr'. Did you mean 'teacher'?"),
        ({"fresh": {"a": 1}}, "fresh: must be a list of steps"),
    ],
)  # fmt: skip
def test_what_no_run_can_change_is_said(line, given: dict, said: str) -> None:
    line.recipe = line.recipe.replace(
        "model: quantize, data: curate}", "model: quantize, data: curate}, sweep: [{seed: 0}, {seed: 1}]"
    )
    text = compiled(line.write(), line.store).first
    with pytest.raises(BadRequest) as caught:
        specs(text, **given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_form_that_the_docs_show_is_today_s_and_a_file_differs_from_no_other_of_it(
    tmp_path: Path,
) -> None:
    text = shipped("first-run", tmp_path)[1].first
    form = inputs(text)
    lines = (ROOT / "docs/kubeflow.md").read_text(encoding="utf-8").partition("## Create run")[2].splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")
    ]
    shown = {name.strip("`"): (kind, default) for name, kind, default in cells[:9]}
    assert len(shown) == 9
    for name, (kind, default) in shown.items():
        said = handed_on(form[name]["defaultValue"])
        value = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        assert (form[name]["parameterType"], value) == (kind, default), name
    bins = '{"negative": "<= -0.5", "neutral": "> -0.5, < 0.5", "positive": ">= 0.5"}'
    assert f"#    curate__bins: dict [Default: {bins}]\n" in text  # in one order, whatever protobuf's is
