"""A step with `candidates:` becomes probes, selections, the rest of the trainings, reports and a gate."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from slmworks.contract.errors import BadRequest
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.kubeflow.pipeline import compile_plan
from slmworks.recipe.blocks import written_out
from slmworks.recipe.lower import Plan, plan
from slmworks.recipe.recipe import Recipe
from slmworks.recipe.schema import recipe_schema

ENGINE = Path(__file__).parents[2] / "pipelines/engines/kubeflow.yaml"
HEAD = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: classifier, from: {model: ./base, data: curate}}
"""
BLOCK = """\
  choice:
    from: {teacher: teacher, data: curate}
    candidates:
      layers:
        stage: distill
        uses: logit-kd
        with: {epochs: 8}
        seed: 3
        sweep: [{with: {layers: [0]}}, {with: {layers: [0, 5], learning_rate: 1e-3}}, {with: {layers: [5]}, seed: 4}]
        probe: [{epochs: 1}, {epochs: 3}]
      words: {stage: finetune, uses: linear, from: {model: teacher}, finish: false}
      whole: teacher
    finish: {stage: quantize, uses: onnx-dynamic}
    select: {keep: 0.98, of: teacher, p95_ms: 5, size_mb: 20, cpu_ms: 9, go_on: 2, budget: {cpu_minutes: 60}}
  register: {from: {verdict: choice}, with: {name: toy}}
"""


@pytest.fixture
def lower(tmp_path: Path):
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("{}")

    def lower(tail: str) -> Plan:
        return plan(Recipe.parse(HEAD + tail, file="r.yaml", folder=tmp_path))

    return lower


@pytest.fixture
def planned(lower) -> Plan:
    return lower(BLOCK)


def test_a_probed_candidate_goes_on_from_its_probes(planned: Plan) -> None:
    tasks = planned.tasks
    first, second = tasks["choice_layers_2_probe"], tasks["choice_layers_2_probe2"]
    full, file = tasks["choice_layers_2_full"], tasks["choice_layers_2"]
    assert [one.options["epochs"] for one in (first, second, full)] == [1, 3, 8]
    assert [one.options["learning_rate"] for one in (first, second, full)] == [1e-3] * 3
    assert [one.seed for one in (first, second, full)] == [3] * 3
    assert tasks["choice_layers_3_probe"].seed == 4
    assert first.options["layers"] == [0, 5]
    assert second.options["layers"] is None  # it has them: they were chosen for the student that it is given
    assert second.inputs["student"] == ("choice_layers_2_probe",)
    assert second.inputs["when"] == ("choice_select", "choice_layers_2_probe")
    assert full.inputs["student"] == ("choice_layers_2_probe2",)
    assert full.inputs["when"] == ("choice_select2", "choice_layers_2_probe2")
    assert file.inputs["model"] == ("choice_layers_2_full",)
    report = tasks["choice_layers_2_probe_quality"]
    assert (report.options["splits"], report.options["trivial"]) == (["validation"], False)


def test_selections_stop_by_what_is_asked(planned: Plan) -> None:
    first, second = (planned.tasks[one].options for one in ("choice_select", "choice_select2"))
    assert (first["keep"], first["budget"], first["whole"], first["among"]) == (2, 60, True, "no-larger")
    assert first["dearer"] == 3 + 8  # times the epoch of the first probe
    assert (second["keep"], second["budget"]) == (2, None)  # what goes on is paid for already


def test_the_gate_judges_all_that_are_made_by_the_limits(planned: Plan) -> None:
    gate = planned.tasks["choice"]
    found = {name: gate.options[name] for name in ("retention", "p95_ms", "size_mb", "cpu_ms", "choose")}
    assert found == {"retention": 0.98, "p95_ms": 5, "size_mb": 20, "cpu_ms": 9, "choose": "smallest"}
    names = ["layers_1", "layers_2", "layers_3", "words", "whole"]
    kinds = ("quality", "speed")
    assert gate.inputs["reports"] == tuple(f"choice_{name}_{kind}" for kind in kinds for name in names)
    assert planned.tasks["choice_whole_quality"].inputs["model"] == ("teacher",)
    assert planned.tasks["choice_words_quality"].inputs["model"] == ("choice_words",)  # and no int8 of it
    assert {planned.tasks[one].inputs["baseline"] for one in gate.inputs["reports"]} == {("choice_baseline",)}
    assert planned.tasks["register"].inputs["verdict"] == ("choice",)


def test_it_is_written_out_once_and_a_report_that_is_there_is_the_baseline(lower, planned: Plan) -> None:
    assert written_out(planned.recipe) == planned.recipe
    told = BLOCK.replace(
        "{teacher: teacher, data: curate}\n", "{teacher: teacher, data: curate, baseline: b}\n", 1
    )
    given = lower(
        "  b: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}\n"
        + told.replace("of: teacher, ", "")
    )
    assert "choice_baseline" not in given.tasks
    assert given.tasks["choice_words_speed"].inputs["baseline"] == ("b",)
    plain = lower(
        BLOCK.replace("    finish: {stage: quantize, uses: onnx-dynamic}\n", "    speed: false\n").replace(
            "p95_ms: 5, size_mb: 20, cpu_ms: 9", "size_mb: 20"
        )
    )
    assert "choice_words_speed" not in plain.tasks
    assert plain.tasks["choice_layers_1"].plugin == "logit-kd"


def test_engines_get_the_plan_of_steps_that_are_written_by_hand(lower, planned: Plan) -> None:
    by_hand = plan(replace(planned.recipe, places={}, text="", lines={}))
    assert [task.edge() for task in by_hand] == [task.edge() for task in planned]
    names = {f"choice-layers-{number}-{part}" for number in (1, 2, 3) for part in ("probe2", "full")}
    text = compile_plan(planned, EngineFile.read(ENGINE), "s3://slmworks/store", planned.pinned(None)).first
    assert names <= {name.replace("_", "-") for name in re.findall(r"choice[-_]layers[-_]\d[-_]\w+", text)}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("keep: 0.98", "kept: 0.98"), "r.yaml:19 steps.choice.select.kept: no such word here. Did you mean 'keep'"),
        (("keep: 0.98", "keep: 98"), "r.yaml:19 steps.choice.select.keep: must be a share of the teacher's"),
        (("p95_ms: 5", "p95_ms: 0"), "r.yaml:19 steps.choice.select.p95_ms: "),
        (("{cpu_minutes: 60}", "60"), "steps.choice.select.budget: must be CPU-minutes: {cpu_minutes: 60}."),
        (("{cpu_minutes: 60}", "{cpu_minutes: 0}"), "r.yaml:19 steps.choice.select.budget: "),
        (("finish: {stage", "finsih: {stage"), "no such word in a step with `candidates`. Did you mean 'finish'"),
        (("probe: [{epochs: 1}, {epochs: 3}]", "probe: 3"), "layers.probe: must be the options of a shorter train"),
        (("{epochs: 1}, {epochs: 3}", "{epoch: 1}"), "steps.choice.candidates.layers.probe.0.epoch: no such option"),
        (("{epochs: 1}, {epochs: 3}", "{alpha: 1}"),
         "r.yaml:19 steps.choice.select.budget: nobody can say how much longer than its probe layers_1 is trained; let "
         "the probe say `epochs`, or remove the budget."),
        (("of: teacher", "of: techer"), "r.yaml:19 steps.choice.select.of: no step named 'techer'. Did you mean 'teac"),
        (("layers: [5]}", "layer: [5]}"), "r.yaml:14 steps.choice.candidates.layers.sweep.2.with.layer: no such opt"),
        (("seed: 4}", "sead: 4}"), "r.yaml:14 steps.choice.candidates.layers.sweep.2.sead: a variant has only"),
        (("stage: finetune, uses: linear", "stage: evaluate"), "candidates.words: evaluate makes a Report, and a cand"),
        (("whole: teacher", "whole: techer"), "no step named 'techer'. Did you mean 'teacher'"),
        (("uses: linear,", "uses: linear, probe: {epochs: 1},"), "words is probed 1 times and layers_1 2 times; let"),
        (("of: teacher", "of: 3"), "steps.choice.select.of: must name the step that makes the model"),
        (("seed: 3", "probes: 3"), "steps.choice.candidates.layers.probes: no such word here. Did you mean 'probe'"),
        (("uses: onnx-dynamic}", "uses: onnx-dynamic}\n    gate: {with: {retention: 0.9}}"),
         "steps.choice.gate.with.retention: say it in `select: {keep: …}`"),
        (("data: curate}\n    cand", "data: curate, documents: raw}\n    cand"), "choice.from.documents: none of the"),
        (("  register", "  choice_words: {stage: finetune, uses: toy}\n  register"), "'choice' makes a step of this n"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_where_it_is_written(lower, change: tuple[str, str], problem: str) -> None:
    with pytest.raises(BadRequest) as caught:
        lower(BLOCK.replace(*change))
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_can_not_be_chosen_is_refused(lower) -> None:
    alone = "  choice: {from: {teacher: teacher, data: curate}, candidates: {a: teacher}}\n"
    with pytest.raises(BadRequest, match=r"steps.choice.candidates: there is nothing to choose; name two"):
        lower(alone)
    two = "  choice: {from: {data: curate}, candidates: {a: teacher, b: teacher}, select: SELECT}\n"
    with pytest.raises(
        BadRequest, match="choice.select: say of which model enough must be kept: `of: teacher`"
    ):
        lower(two.replace("SELECT", "{keep: 0.9}"))
    with pytest.raises(
        BadRequest, match=r"select.go_on: no candidate has a `probe`, so none is stopped early"
    ):
        lower(two.replace("SELECT", "{of: teacher, go_on: 2}"))
    bag = BLOCK.replace("uses: logit-kd", "uses: bag-of-embeddings").replace("layers: [0, 5], ", "")
    bag = bag.replace("layers: [0]", "width: 8").replace("layers: [5]", "width: 9")
    with pytest.raises(BadRequest, match=r"bag-of-embeddings can't go on with a model .*; leave `probe` out"):
        lower(bag)


def test_the_rest_of_a_training_is_counted_in_epochs_for_each_candidate(lower) -> None:
    other = BLOCK.replace("probe: [{epochs: 1}, {epochs: 3}]", "probe: {learning_rate: 5e-3, epochs: 2}")
    assert lower(other).tasks["choice_select"].options["dearer"] == 4  # and not by the learning rates
    wide = "{with: {layers: [0, 5], epochs: 20}}"
    mixed = lower(re.sub(r"\{with: \{layers: \[0, 5\].*?\}\}", wide, other))
    assert mixed.tasks["choice_select"].options["dearer"] == [4, 10, 4]
    names = mixed.tasks["choice_select"].inputs["reports"]
    epochs = [mixed.tasks[name.replace("_probe_quality", "_full")].options["epochs"] for name in names]
    assert epochs == [8, 20, 8]


@pytest.mark.parametrize("word", ["p95_ms", "cpu_ms", "joules"])
def test_what_is_not_timed_has_no_limit(lower, word: str) -> None:
    asked = re.sub("select: .*", f"select: {{of: teacher, {word}: 5, size_mb: 3}}\n    speed: false", BLOCK)
    with pytest.raises(BadRequest) as caught:
        lower(asked)
    assert str(caught.value) == (
        f"r.yaml:19 steps.choice.select.{word}: with `speed: false` nothing is timed; remove one of the two."
    )
    assert lower(asked.replace(f"{word}: 5, ", "")).tasks["choice"].options["size_mb"] == 3


def test_a_report_that_is_there_and_a_model_are_two_baselines(lower) -> None:
    told = "  b: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}\n" + BLOCK
    with pytest.raises(BadRequest) as caught:
        lower(told.replace("data: curate}\n    cand", "data: curate, baseline: b}\n    cand"))
    assert str(caught.value) == (
        "r.yaml:20 steps.choice.select.of: enough must be kept of what 'b', the `baseline` in `from`, is about; "
        "remove one of the two."
    )


def test_editors_know_the_words() -> None:
    checker = Draft202012Validator(recipe_schema())
    recipe = YAML(typ="safe").load(HEAD + BLOCK)
    assert not list(checker.iter_errors(recipe))
    block = recipe["steps"]["choice"]
    for wrong in ({"finsih": {}}, {"select": {"kept": 1}}, {"candidates": {}}, {"speed": True}, {"from": 3}):
        assert list(checker.iter_errors({**recipe, "steps": {"choice": {**block, **wrong}}})), wrong
