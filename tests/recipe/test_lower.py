"""From a recipe to tasks: defaults, edges, sweeps, the barrier, and what is refused before anything runs."""

import time
from pathlib import Path

import pytest

from slmworks.contract.catalog import plugins
from slmworks.contract.errors import BadRequest
from slmworks.recipe.lower import Plan, plan
from slmworks.recipe.recipe import Recipe, Step

HEAD = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
"""


@pytest.fixture
def lower(tmp_path: Path):
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("x")

    def lower(tail: str, head: str = HEAD) -> Plan:
        return plan(Recipe.parse(head + tail, file="r.yaml", folder=tmp_path))

    return lower


def test_a_line_becomes_tasks_and_edges(lower) -> None:
    planned = lower("")
    assert list(planned.tasks) == ["raw", "curate", "teacher.model", "teacher"]
    assert planned.tasks["teacher"].inputs == {"data": ("curate",), "model": ("teacher.model",)}
    assert planned.tasks["teacher.model"].stage == "fetch"
    assert planned.tasks["teacher"].options["epochs"] == 2
    assert planned.after("curate") == {"teacher"}


def test_sweeps_fan_out_match_and_join(lower) -> None:
    planned = lower("""\
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}, sweep: [{with: {layers: [0]}}, {with: {layers: [0, 1]}}]}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  baseline: {stage: evaluate, uses: toy, from: {model: student, data: curate}}
  evaluate: {uses: toy, from: {model: quantize, baseline: baseline, data: curate}}
  gate: {uses: toy, from: {reports: [evaluate, baseline]}}
""")  # fmt: skip
    assert "evaluate.layers=0-1.bits=4" in planned.tasks
    matched = planned.tasks["evaluate.layers=0-1.bits=4"].inputs
    assert matched["baseline"] == ("baseline.layers=0-1",)  # shared coordinate: matched, not multiplied
    assert len(planned.tasks["gate"].inputs["reports"]) == 4 + 2
    assert [task.id for task in planned if task.step == "gate"] == ["gate"]


def test_a_port_goes_to_the_variants_that_take_it(lower) -> None:
    planned = lower("""\
  small: {stage: distill, from: {teacher: teacher, student: teacher, data: curate}, sweep: [{uses: toy}, {uses: bag-of-embeddings}]}
""")
    assert set(planned.tasks["small.toy"].inputs) == {"teacher", "student", "data"}
    assert set(planned.tasks["small.bag-of-embeddings"].inputs) == {"teacher", "data"}


def test_a_stage_without_a_plugin_says_so(lower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "slmworks.recipe.variants.plugins", lambda stage: {} if stage == "prune" else plugins(stage)
    )
    with pytest.raises(BadRequest, match="no plugin for prune is installed; install one that offers it"):
        lower("  prune: {from: {model: teacher}}\n")


def test_a_variant_is_named_as_it_was_written(lower) -> None:
    planned = lower("""\
  t: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, sweep: [{with: {fail: true}}, {with: {fail: false}}]}
""")
    assert {"t.fail=true", "t.fail=false"} <= set(planned.tasks)


def test_variants_whose_names_would_clash_are_numbered(lower) -> None:
    planned = lower("""\
  t: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, sweep: [{with: {rate: 0.1}}, {with: {rate: 0.1}}]}
""")
    assert {"t.v1", "t.v2"} <= set(planned.tasks)


def test_a_sweep_over_plugins_is_named_after_them(lower) -> None:
    planned = lower("""\
  export: {stage: quantize, uses: toy, from: {model: teacher, calibration: curate}}
  quantize: {from: {model: export, calibration: curate}, sweep: [{uses: toy-onnx}]}
""")
    assert "quantize.toy-onnx" in planned.tasks


def test_the_same_recipe_can_be_built_in_python(tmp_path) -> None:
    (tmp_path / "train.csv").write_text("x")
    built = Recipe("toy", {"raw": Step(stage="fetch", inputs={"train": "train.csv"})}, folder=tmp_path)
    assert list(plan(built).tasks) == ["raw"]


def test_what_follows_approval_is_another_segment(lower) -> None:
    planned = lower("""\
  evaluate: {uses: toy, from: {model: teacher, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
  register: {from: {verdict: gate}, with: {name: toy}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
""")
    assert [task.id for task in planned if task.after_approval] == ["approve", "deploy"]


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ("  studnt: {from: {}}", "r.yaml:6 steps.studnt: no such stage 'studnt'"),
        ("  student: {stage: distil}", "steps.student.stage: no such stage 'distil'. Did you mean 'distill'?"),
        ("  quantize: {uses: toi}", "steps.quantize.uses: no such quantize plugin 'toi'. Did you mean 'toy'?"),
        ("  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}, with: {layrs: [1]}}",
         "steps.student.with.layrs: no such option of toy. Did you mean 'layers'?"),
        ("  student: {stage: distill, uses: toy, from: {teacher: techer, data: curate}}",
         "steps.student.from.teacher: no step named 'techer'. Did you mean 'teacher'?"),
        ("  student: {stage: distill, uses: toy, from: {techer: teacher, data: curate}}",
         "steps.student.from.techer: no such port of distill. Did you mean 'teacher'?"),
        ("  student: {stage: distill, uses: toy, from: {data: curate}}", "toy needs `teacher:` (a Model)"),
        ("  more: {stage: curate, uses: text, from: {data: raw, teacher: teacher}}",
         "r.yaml:6 steps.more.from.teacher: curate/text takes no teacher; remove it."),
        ("  student: {stage: distill, uses: bag-of-embeddings, from: {teacher: teacher, data: curate, student: ./base}}",
         "steps.student.from.student: distill/bag-of-embeddings takes no student; remove it."),
        ("  marks: {stage: evaluate, from: {model: teacher, data: curate, judge: ./base}, sweep: [{uses: quality}, {uses: speed}]}",
         "steps.marks.from.judge: evaluate/quality and evaluate/speed take no judge; remove it."),
        ("  student: {stage: distill, uses: toy, from: {teacher: teacher, data: [curate, curate]}}",
         "steps.student.from.data: takes one step, not a list"),
        ("  student: {stage: distill, uses: toy, from: {teacher: curate, data: curate}}",
         "steps.student.from.teacher: takes a Model, but 'curate' (curate) makes a Dataset"),
        ("  student: {stage: distill, uses: toy, from: {teacher: teacher, data: more.csv}}",
         "steps.student.from.data: takes a Dataset from a step"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./nowhere, data: curate}}", "steps.t2.from.model: no such file"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {epochs: two}}",
         "r.yaml:6 steps.t2.with.epochs: input should be a valid integer, got 'two'"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {epochs: '2'}}", "got '2'"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {rate: 1.5}}", "less than 1"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {epochs: .inf}}", "steps.t2.with.epochs"),
        ("  quantize: {uses: toy, from: {model: teacher}}", "toy needs `calibration:`"),
        ("  quantize: {uses: toy-onnx, from: {model: teacher}}", "toy-onnx takes onnx models, but 'teacher' (toy) makes hf"),
        ("  a: {stage: distill, uses: toy, from: {teacher: b, data: curate}}\n"
         "  b: {stage: distill, uses: toy, from: {teacher: a, data: curate}}", "the steps go round in a circle: "),
        ("  more: {stage: fetch}", "nothing to fetch"),
        ("  more: {stage: fetch, from: {train: raw}}", "'raw' is a step"),
        ("  more: {stage: fetch, from: {train: no.csv}}", "steps.more.from.train: no such file"),
        ("  more: {stage: fetch, from: {train: 'ftq://x/y'}}", "steps.more.from.train: "),
        ("  more: {stage: fetch, from: {train: 'data/**.csv'}}", "steps.more.from.train: **.csv: not a pattern"),
        ("  more: {stage: fetch, from: {train: 'https://[host/x.csv'}}", "steps.more.from.train: not a URL"),
        ("  more: {stage: fetch, from: {train: '" + "x" * 300 + "'}}", "steps.more.from.train: cannot be read"),
        ("  more: {stage: fetch, from: {train: 'https://me:secret@host/x'}}", "credentials"),
        ("  quantize: {uses: toy, from: {model: teacher, calibration: curate}, sweep: [{with: {bits: 8}}, {with: {bit: 4}}]}",
         "steps.quantize.sweep.1.with.bit: no such option"),
        ("  evaluate: {uses: toy, from: {model: teacher, data: curate}}\n"
         "  gate: {uses: toy, from: {reports: evaluate}, sweep: [{with: {allow: true}}, {with: {allow: false}}]}\n"
         "  register: {from: {verdict: gate}, with: {name: x}}", "register happens once, but a sweep reaches it (gate)"),
        ("  champion: {stage: evaluate, uses: toy, from: {model: 'models:/other@champion', data: curate}}\n"
         "  gate: {uses: toy, from: {reports: champion, champion: champion}}\n"
         "  register: {from: {verdict: gate}, with: {name: toy}}",
         "steps.gate.from.champion: it is the champion of 'other', but 'register' registers 'toy'; "
         "write models:/toy@champion."),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {num_train_epochs: 2}}",
         "Did you mean 'epochs'?"),
        ("  t2: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {resume: true}}",
         "no such option of toy. A training that was killed resumes from its last checkpoint by itself"),
        ("  t2: {stage: finetune, plugin: toy}", "no such word in a step. Did you mean 'uses'?"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_its_place(lower, tail: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        lower(tail + "\n")
    message = str(caught.value)
    assert said in message
    assert message.startswith("r.yaml:")
    assert "\n" not in message
    assert "secret" not in message


def test_a_thousand_tasks_are_planned_within_a_moment(lower) -> None:
    variants = ", ".join(f"{{with: {{rate: {(i + 1) / 2000}}}}}" for i in range(500))
    begun = time.perf_counter()
    planned = lower(f"""\
  many: {{stage: finetune, uses: toy, from: {{model: ./base, data: curate}}, sweep: [{variants}]}}
  evaluate: {{uses: toy, from: {{model: many, data: curate}}}}
""")
    assert len(planned) == 4 + 1 + 500 + 500
    assert time.perf_counter() - begun < 10  # a guard against quadratic growth; the benchmark has the number


STUDENT = "  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}"


def test_a_seed_reaches_the_task_and_sweeps(lower) -> None:
    assert lower(STUDENT + "}").tasks["student"].seed == 0
    assert "seed" not in lower(STUDENT + "}").tasks["student"].edge()  # no record of today changes
    assert lower(STUDENT + ", seed: 3}").tasks["student"].seed == 3
    swept = lower(STUDENT + ", sweep: [{seed: 0}, {seed: 1}, {seed: 2, with: {layers: [0]}}]}")
    assert [swept.tasks[one].seed for one in swept.tasks if one.startswith("student")] == [0, 1, 2]
    plain = lower(STUDENT + ", sweep: [{seed: 0}, {seed: 7}]}")
    assert [one for one in plain.tasks if one.startswith("student")] == ["student.seed=0", "student.seed=7"]
    spec = plain.tasks["student.seed=7"].spec(run="r", store="file:///s", sources={})
    assert spec.seed == 7


@pytest.mark.parametrize("name", ["distilbert-base-uncased", "distilbert/distilbert-base-uncased"])
def test_a_name_of_the_hub_is_told_how_it_is_written(lower, name) -> None:
    with pytest.raises(BadRequest, match=r"hf://(OWNER|distilbert)/distilbert-base-uncased@REVISION\."):
        lower(STUDENT.replace("teacher: teacher", f"teacher: {name}") + "}")


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (STUDENT + ", seed: -1}", "steps.student.seed: must be a whole number from 0"),
        (STUDENT + ", seed: [1, 2]}", "for several: sweep: [{seed: 0}, {seed: 1}]"),
        (STUDENT + ", sweep: [{seed: true}]}", "steps.student.sweep.0.seed: must be a whole number"),
        (STUDENT + ", sweep: [{sed: 1}]}", "has only `uses`, `with` and `seed`. Did you mean 'seed'?"),
        (
            "  split: {stage: curate, uses: text, from: {data: raw}, seed: 1}",
            "text has an option of its own for it: with: {seed: 1}",
        ),
        ("  again: {stage: fetch, from: {a: train.csv}, seed: 1}", "fetch draws nothing at random"),
    ],
)
def test_a_seed_that_means_nothing_is_refused(lower, tail, problem) -> None:
    with pytest.raises(BadRequest) as error:
        lower(tail)
    assert problem in str(error.value)


def test_a_plan_can_end_with_a_step(lower) -> None:
    planned = lower(STUDENT + "}")
    assert list(planned.until(["curate"]).tasks) == ["raw", "curate"]
    assert list(planned.until(["teacher"]).tasks) == ["raw", "curate", "teacher.model", "teacher"]


def test_data_are_those_of_the_model_and_not_of_its_judge_in_whatever_order_they_are_named(lower) -> None:
    head = """\
name: toxic
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  chat: {stage: curate, uses: chat, from: {data: raw}}
  labelled: {stage: curate, uses: text, from: {data: raw}}
  judge: {stage: finetune, uses: classifier, from: {model: ./base, data: labelled}}
  model: {stage: finetune, uses: sft, from: {model: ./base, data: chat}}
"""
    step = "  toxicity: {{stage: evaluate, uses: toxicity, from: {{judge: judge, model: model, data: {}}}, with: {{toxic: [bad]}}}}\n"
    assert lower(step.format("chat"), head).tasks["toxicity"].model_task == "text-generation"
    with pytest.raises(
        BadRequest, match="'model' makes a model for text-generation, but 'labelled' makes data for"
    ):
        lower(step.format("labelled"), head)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("rogue_l", "'rogue_l' is no measure of text-generation. Did you mean 'rouge_l'?"),
        (
            "groundedness",
            "groundedness is no sum over rows and can't decide; `minimum` can guard it. Known: ",
        ),
    ],
)
def test_a_measure_that_cannot_decide_is_refused_before_anything_runs(lower, measure, said) -> None:
    head = HEAD.replace("uses: toy, from: {data: raw}", "uses: chat, from: {data: raw}").replace(
        "finetune, uses: toy", "finetune, uses: sft"
    )
    step = (
        f"  first: {{stage: evaluate, from: {{model: teacher, data: curate}}, with: {{measure: {measure}}}}}"
    )
    with pytest.raises(BadRequest) as error:
        lower(step, head)
    assert str(error.value).startswith(f"r.yaml:6 steps.first.with.measure: {said}")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("evaluate, from: {model: teacher, data: curate}, with: {measure: bits_per_byte, likelihood: false}", "measure: 'bits_per_byte' needs how likely the model finds the true answers; leave `likelihood: false` out."),
        ("export, uses: scope, from: {model: teacher, calibration: curate}, with: {score: energy}", "score: text-generation has no score 'energy'; it has mean-logprob, groundedness, retrieval."),
        ("export, uses: scope, from: {model: teacher, calibration: curate}, with: {temperature: fitted}", "temperature: text-generation has no temperature of scope; leave it out."),
        ("export, uses: scope, from: {model: teacher, calibration: curate}, with: {temperature: 2.0}", "temperature: text-generation has no temperature of scope; leave it out."),
    ],
)  # fmt: skip
def test_an_option_that_the_model_task_rules_out_is_refused_before_anything_runs(lower, step, said) -> None:
    head = HEAD.replace("uses: toy, from: {data: raw}", "uses: chat, from: {data: raw}").replace(
        "finetune, uses: toy", "finetune, uses: sft"
    )
    with pytest.raises(BadRequest) as error:
        lower(f"  first: {{stage: {step}}}", head)
    assert str(error.value) == f"r.yaml:6 steps.first.with.{said}"


def test_a_score_of_scope_that_the_model_task_has_is_taken(lower) -> None:
    head = HEAD.replace("uses: toy, from: {data: raw}", "uses: chat, from: {data: raw}").replace(
        "finetune, uses: toy", "finetune, uses: sft"
    )
    step = "  first: {stage: export, uses: scope, from: {model: teacher, calibration: curate}, with: {score: groundedness}}"
    assert lower(step, head).tasks["first"].model_task == "text-generation"
