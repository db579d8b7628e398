"""A step with `orders:` becomes plain steps: every order, what several begin with once, its name for all."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from slmworks.contract.errors import BadRequest
from slmworks.recipe.blocks import written_out
from slmworks.recipe.lower import Plan, plan
from slmworks.recipe.recipe import Recipe
from slmworks.recipe.schema import recipe_schema
from slmworks.recipe.step_names import require_options_of, steps_named

HEAD = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
  baseline: {stage: evaluate, uses: toy, from: {model: teacher, data: curate}}
"""
SMALL = """\
  small:
    from: {model: teacher, data: curate}
    orders:
      cut: {stage: prune, uses: layers, sweep: [{with: {keep: 4}}, {with: {keep: 3}}]}
      thin: {stage: factorize, uses: svd, with: {method: whiten, budget: 0.8}}
    heal: {stage: distill, uses: toy, with: {layers: [0, 1]}}
    finish: {stage: quantize, uses: onnx-dynamic}
"""
SELECTED = SMALL.replace(
    "    finish", "    probe: {with: {layers: [0]}}\n    select: {with: {keep: 2}}\n    finish"
)
TAIL = """\
  quality: {stage: evaluate, uses: toy, from: {model: small, baseline: baseline, data: curate}}
  gate: {uses: toy, from: {reports: quality}}
"""


@pytest.fixture
def lower(tmp_path: Path):
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("x")

    def lower(tail: str) -> Plan:
        return plan(Recipe.parse(HEAD + tail, file="r.yaml", folder=tmp_path))

    return lower


def made_from(planned: Plan, task: str) -> list[str]:
    """The way of a model back to the teacher."""
    port = next(port for port in ("student", "model") if port in planned.tasks[task].inputs)
    (before,) = planned.tasks[task].inputs[port]
    return [before] if before == "teacher" else [before, *made_from(planned, before)]


def test_every_order_of_every_subset_is_a_chain_of_plain_steps(lower) -> None:
    planned = lower(SMALL)
    assert {task.id for task in planned if task.stage == "quantize"} == {
        "small_cut.keep=4", "small_cut.keep=3", "small_thin",
        "small_cut_thin.keep=4", "small_cut_thin.keep=3", "small_thin_cut.keep=4", "small_thin_cut.keep=3",
    }  # fmt: skip
    assert made_from(planned, "small_cut_thin.keep=3") == [
        "small_cut_thin_heal.keep=3", "small_cut_thin_factorize.keep=3",
        "small_cut_heal.keep=3", "small_cut_prune.keep=3", "teacher",
    ]  # fmt: skip
    assert planned.tasks["small_thin_heal"].inputs["teacher"] == ("teacher",)
    assert planned.tasks["small_thin_factorize"].inputs["data"] == ("curate",)
    assert planned.tasks["small_thin"].inputs.keys() == {"model"}  # onnx-dynamic takes no data


def test_what_two_orders_begin_with_is_made_once(lower) -> None:
    planned = lower(SMALL)
    assert len([task for task in planned if task.stage == "prune"]) == 2 + 2  # first, and behind `thin`
    assert len([task for task in planned if task.stage == "factorize"]) == 1 + 2


def test_its_name_stands_for_all_of_them(lower) -> None:
    planned = lower(SMALL + TAIL)
    reports = planned.tasks["gate"].inputs["reports"]
    assert len(reports) == 7
    assert planned.tasks["quality.cut_thin.keep=3"].inputs["model"] == ("small_cut_thin.keep=3",)
    assert planned.tasks["gate"].names["reports"][0] == "small_cut.keep=4"


def test_the_best_after_a_short_healing_are_healed_in_full(lower) -> None:
    planned = lower(SELECTED + TAIL)
    assert len(planned.tasks["small_select"].inputs["reports"]) == 7
    assert planned.tasks["small_select"].names["reports"][-1] == "small_thin_cut_probe.keep=3"
    assert made_from(planned, "small_cut_thin.keep=3")[:3] == [
        "small_cut_thin_heal.keep=3", "small_cut_thin_probe.keep=3", "small_cut_thin_factorize.keep=3",
    ]  # fmt: skip
    assert planned.tasks["small_cut_thin_factorize.keep=3"].inputs["model"] == ("small_cut_probe.keep=3",)
    assert planned.tasks["small_cut_thin_heal.keep=3"].inputs["when"] == (
        "small_select",
        "small_cut_thin_probe.keep=3",
    )
    assert planned.tasks["small_cut_probe.keep=3"].options["layers"] == [0]
    assert planned.tasks["small_cut_heal.keep=3"].options["layers"] == [0, 1]
    assert planned.tasks["small_thin_measure"].options["splits"] == ["validation"]


def test_without_healing_and_finish_the_operation_is_the_candidate(lower) -> None:
    planned = lower("""\
  small:
    from: {model: teacher, data: curate}
    only: [[prune], [prune, factorize]]
    orders:
      prune: {uses: layers, with: {keep: 4}}
      factorize: {uses: svd}
""")
    assert list(planned.tasks)[-2:] == ["small_prune", "small_prune_factorize"]
    assert planned.tasks["small_prune_factorize"].inputs["model"] == ("small_prune",)


def test_a_plan_is_the_same_each_time_and_lowers_again(lower) -> None:
    planned = lower(SELECTED + TAIL)
    assert list(lower(SELECTED + TAIL).tasks) == list(planned.tasks)
    assert written_out(planned.recipe) == planned.recipe
    assert list(plan(planned.recipe).tasks) == list(planned.tasks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keep: 3}}]", "kep: 3}}]"), "r.yaml:10 steps.small.orders.cut.sweep.1.with.kep: no such option of layers"),
        (("svd", "svt"), "r.yaml:11 steps.small.orders.thin.uses: no such factorize plugin 'svt'. Did you mean 'svd'"),
        (("{layers: [0, 1]}", "{layrs: [0]}"), "r.yaml:12 steps.small.heal.with.layrs: no such option of toy"),
        (("data: curate}\n    ord", "data: raw}\n    ord"), "r.yaml:8 steps.small.from.data: takes a Dataset"),
        (("model: teacher, ", ""), "steps.small.from: must say `model:`, the one model where every order begins"),
        (("data: curate}\n    ord", "data: curate, judge: teacher}\n    ord"),
         "steps.small.from.judge: none of the steps that it makes takes it; remove it"),
        (("heal:", "heel:"), "r.yaml:12 steps.small.heel: no such word in a step with `orders`. Did you mean 'heal'?"),
        (("{stage: prune, uses: layers,", "{stage: prune, use: layers,"), "orders.cut.use: no such word here. Did"),
        (("{stage: prune, uses: layers,", "{uses: layers,"), "steps.small.orders.cut: no such stage 'cut'"),
        (("{stage: quantize, uses: onnx-dynamic}", "{stage: gate}"),
         "steps.small.finish: gate makes a Verdict, and here a model is made; take another stage"),
        (("{stage: factorize, uses: svd,", "{stage: curate, uses: toy,"), "orders.thin: curate makes a Dataset, and"),
        (("    finish", "    probe: {with: {layers: [0]}}\n    finish"), "r.yaml:13 steps.small.probe: there is no `sel"),
        (("    heal", "    only: [[cut, thick]]\n    heal"), "steps.small.only.0: no operation 'thick'"),
        (("    heal", "    only: [[cut, cut]]\n    heal"), "only.0: names an operation twice; give it two names in"),
        (("    heal", "    only: [cut]\n    heal"), "steps.small.only: must be a list of orders, such as [[cut, thin]]"),
        (("uses: layers, sweep", "uses: 3, sweep"), "r.yaml:10 steps.small.orders.cut.uses: must be a name"),
        (("[{with: {keep: 4}}, {", "[4, {"), "steps.small.orders.cut.sweep: must be a list of variants"),
        (("heal: {stage: distill, uses: toy, with: {layers: [0, 1]}}", "heal: distill"),
         "steps.small.heal: must be a mapping of stage, uses, with, from"),
        (("orders:\n", "orders: []\n    x:\n"), "steps.small.x: no such word in a step with `orders`"),
        (("  small:\n", "  small_cut: {stage: export, uses: onnx, from: {model: teacher}}\n  small:\n"),
         "r.yaml:7 steps.small_cut: 'small' makes a step of this name; rename one of them"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is_written(lower, words: tuple[str, str], said: str) -> None:
    assert words[0] in SMALL
    with pytest.raises(BadRequest) as refused:
        lower(SMALL.replace(*words, 1))
    assert said in str(refused.value)


def test_an_option_of_the_probe_is_named_there(lower) -> None:
    with pytest.raises(BadRequest, match=r"r.yaml:13 steps.small.probe.with.layrs: no such option of toy"):
        lower(SELECTED.replace("{layers: [0]}", "{layrs: [0]}"))


def test_a_selection_that_nothing_follows_is_refused(lower) -> None:
    words = SMALL.replace("    finish: {stage: quantize, uses: onnx-dynamic}", "    select: {}")
    with pytest.raises(BadRequest, match=r"steps.small.select: nothing comes behind it; add `finish:`, or"):
        lower(words)


def test_too_many_candidates_are_refused_before_they_are_written_down(lower) -> None:
    many = "".join(f"      o{i}: {{stage: prune, uses: layers, with: {{keep: 3}}}}\n" for i in range(12))
    with pytest.raises(
        BadRequest, match=r"orders: 14 operations have 236,975,164,804 orders, and 64 are the most"
    ):
        lower(SMALL.replace("    heal", f"{many}    heal"))
    sweep = ", ".join(f"{{with: {{keep: {i}}}}}" for i in range(1, 31))
    words = SMALL.replace("{with: {keep: 4}}, {with: {keep: 3}}", sweep)
    with pytest.raises(
        BadRequest, match=r"4 orders with their amounts are 91 candidates, .* `only: \[\[a, b\], \[b\]\]`"
    ):
        lower(words)


def test_two_steps_of_one_name_are_refused(lower) -> None:
    words = SMALL.replace("thin: {stage: factorize, uses: svd, with: {method: whiten, budget: 0.8}}",
                          "prune: {stage: factorize, uses: svd}")  # fmt: skip
    with pytest.raises(
        BadRequest, match="two of its steps would be called 'small_cut_prune'; rename one of its parts"
    ):
        lower(words)


def test_editors_know_the_words() -> None:
    checker = Draft202012Validator(recipe_schema())
    recipe = YAML(typ="safe").load(HEAD + SELECTED)
    assert not list(checker.iter_errors(recipe))
    small = recipe["steps"]["small"]
    for wrong in ({"heel": {}}, {"from": {}}, {"probe": {"uses": "toy"}}, {"only": ["cut"]}, {"orders": {}}):
        assert list(checker.iter_errors({**recipe, "steps": {"small": {**small, **wrong}}})), wrong


def test_its_name_means_all_its_steps_and_no_single_options(lower) -> None:
    recipe = lower(SMALL + TAIL).recipe
    made = steps_named(recipe, "--fresh", ["small", "raw"])
    assert made == {"raw", *(step for step in recipe.steps if step.startswith("small_"))}
    assert len(made) > 4
    require_options_of(recipe, "--set small_cut.keep=4", next(step for step in made if step != "raw"))
    with pytest.raises(
        BadRequest, match="--set small.x=1: small has `orders`; name one of its steps: small_cut"
    ):
        require_options_of(recipe, "--set small.x=1", "small")
    with pytest.raises(BadRequest, match="--until smal: no such step. Did you mean 'small'"):
        steps_named(recipe, "--until", ["smal"])
