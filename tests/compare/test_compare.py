"""`slmworks compare` and `leaderboard`: what differs in how models were made, and in what they answer."""

import json
import os
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from judged import LABELS, first, quality_report, row
from slmworks.cli.main import cli
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import benchmark_report
from slmworks.execution.records import task_records
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks.testing import Bench
from stories import Story

N = {"validation": 90, "test": 120}
BY = {"who": "ada", "how": "claimed: command line", "why": "better"}


def tell(store, folder, run, model, *, but, epochs, texts="", gate=True, benchmarked=()):
    """A run that distilled a student: it answers `but` of the first rows wrong, and as many of the last right."""
    folder.mkdir()
    bench = Bench(folder)
    rows = [row("test", i) for i in range(N["test"])]
    (folder / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "test.parquet")
    (folder / "data" / "card.json").write_text(json.dumps({"texts": texts}))
    data = bench.keep(Dataset(path=folder / "data", meta={"task": "classification", "labels": LABELS}))

    def judge(of, *, but=0, **known):
        right = {split: first(n, int(0.8 * n) + but, but=but) for split, n in N.items()}
        return quality_report(bench, of * 64, right, data=data.digest, **known)

    teacher = judge("1")
    student = judge(model, but=but, baseline=teacher)
    verdict = PairedBootstrap().run(reports=[student], task=bench.task("gate")) if gate else None
    story = Story(store, folder / "story", run)
    story.task("curate", "curate text", replace(data, digest=""))
    story.task("teacher_quality", "evaluate quality", replace(teacher, digest=""))
    story.task("quality", "evaluate quality", replace(student, digest=""))
    for shots in benchmarked:
        report = benchmark(bench, model * 64, shots)
        story.task(f"shots_{shots}", "evaluate lm-eval", replace(report, digest=""))
    if verdict:
        story.task("gate", "gate paired-bootstrap", verdict)
    story.record("student", "distill logit-kd", options={"epochs": epochs, "layers": [0, 2]})
    story.plan.insert(1, {"id": "student", "step": "student", "stage": "distill", "plugin": "logit-kd"})
    story.end()
    return story


def benchmark(bench, model, shots):
    task, measure = (
        bench.task(f"shots-{shots}"),
        {"value": 0.7 + shots / 100, "low": 0.6, "high": 0.79, "n": 80},
    )
    return bench.keep(benchmark_report.write(
        task.output, purpose=catalog.model_task("text-classification"),
        model=Model(path=task.scratch, digest=model, meta={}), said={}, refs={},
        tasks={"colours": {"shots": shots, "measures": {"acc": measure}}},
    ))  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory, few_draws):
    """Four runs: two that differ in epochs and students, one without a gate, one on other data."""
    folder = tmp_path_factory.mktemp("told")
    store = open_store(str(folder / "store"))
    tell(store, folder / "a", "run-a", "2", but=6, epochs=4)
    tell(store, folder / "b", "run-b", "3", but=1, epochs=8, benchmarked=(0,))
    tell(store, folder / "c", "other-run", "4", but=2, epochs=4, gate=False)
    tell(store, folder / "d", "run-d", "5", but=3, epochs=4, texts="others", benchmarked=(5,))
    return folder / "store"


@pytest.fixture
def store(told, tmp_path):
    """A copy, to register in."""
    shutil.copytree(told, tmp_path / "store", copy_function=os.link)
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def said(store):
    def run(*words):
        done = CliRunner().invoke(cli, [*words, "--store", str(store.root)], catch_exceptions=True)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


def register(store, run, model):
    digests = {"model_digest": model * 64, "wrapper_digest": "c" * 64}
    (verdict,) = [one.manifest.digest for one in task_records(store, run) if one.task == "gate"]
    return Registry(store).register("reviews", **digests, verdict=verdict, seal=lambda n: f"{n:064x}")


def test_two_runs_differ_in_an_option_and_in_some_answers(said):
    out = said("compare", "run-a", "run-b")
    lines = [line.split() for line in out.splitlines()]
    assert ["student.epochs", "4", "8"] in lines
    assert not any("layers" in line for line in out.splitlines())  # which are the same
    assert "B beside A, 120 test rows: accuracy" in out
    assert "5 gained, 5 lost" in out
    assert "gained " in out
    assert "student-a" not in out
    assert ["colours.acc", "—", "0.700", "(0.600–0.790)"] in lines  # no gate was given it


def test_benchmarks_with_other_shots_stand_in_lines_of_their_own(said):
    lines = [line.split() for line in said("compare", "run-b", "run-d").splitlines()]
    assert ["colours.acc", "(0", "shots)", "0.700", "(0.600–0.790)", "—"] in lines
    assert ["colours.acc", "(5", "shots)", "—", "0.750", "(0.600–0.790)"] in lines


def test_as_json_it_holds_the_numbers(said):
    found = json.loads(said("compare", "run-a", "run-b", "--json"))
    assert [side["measures"]["accuracy"]["value"] for side in found["sides"]] == [0.8, 0.8]
    (beside,) = found["beside_first"]
    assert (beside["n"], beside["gained"], beside["lost"]) == (120, 5, 5)
    assert beside["change"]["low"] < 0 < beside["change"]["high"]
    assert {"place": "student.epochs", "values": ["4", "8"]} in found["differs"]


def test_a_stopped_candidate_is_told_with_its_selection_its_rank_and_the_chance(store, said, tmp_path):
    for run, on, stopped in (
        ("some", "short_0", {"short_1": ("2nd of 2 by f1", 0.031)}),
        ("all", "short_1", {}),
    ):
        story = Story(store, tmp_path / run, run)
        for name in ("short_0", "short_1"):
            story.task(name, "distill logit-kd", story.weights(name))
        story.select("first", on, stopped)
        story.end()
    words = "short_1 by first: 2nd of 2 by f1; the truly best is stopped so in at most 3.1 % of cases"
    assert f"\nA stopped {words}; not in B\n" in said("compare", "some", "all")
    assert f"\nA, B stopped {words}\n" in said("compare", "some", "some")
    assert "stopped" not in said("compare", "all", "run-a")
    sides = json.loads(said("compare", "some", "all", "--json"))["sides"]
    assert [[one["by"] for one in side["stopped"]] for side in sides] == [["first"], []]
    assert f"\nstopped  {words}\n" in said("runs", "some")
    (digests, others) = ([one.manifest.digest for one in task_records(store, "some") if one.task == task] for task in ("short_1", "short_0"))  # fmt: skip
    assert f"\nstopped in run some {words.removeprefix('short_1 ')}\n" in said("lineage", digests[0])
    assert "stopped" not in said("lineage", others[0])


def test_a_run_without_a_gate_is_compared_by_what_it_evaluated(said):
    out = said("compare", "run-a", "other")
    assert ["gate", "gate", "paired-bootstrap", "—"] in [line.split() for line in out.splitlines()]
    assert "4 gained, 4 lost" in out


def test_the_same_model_and_other_rows_are_said(said):
    assert "B beside A: the same model, to the byte" in said("compare", "run-a", "run-a")
    assert "made alike" in said("compare", "run-a", "run-a")


def test_data_that_differ_are_named_by_their_digests(said):
    assert "curate: data" in said("compare", "run-a", "run-d")


def test_versions_are_named_by_number_or_alias(store, said):
    register(store, "run-a", "2")
    register(store, "run-b", "3")
    Registry(store).approve("reviews", 1, **BY)
    out = said("compare", "reviews@champion", "reviews@2")
    assert "reviews v1" in out
    assert "5 gained, 5 lost" in out


def test_the_leaderboard_lists_every_version_the_best_first(store, said):
    register(store, "run-a", "2")
    register(store, "run-b", "3")
    Registry(store).approve("reviews", 2, **BY)
    out = said("leaderboard", "reviews")
    assert "accuracy (95 % CI)" in out
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["v2", "v1"]
    rows = json.loads(said("leaderboard", "reviews", "--json"))
    assert [(one["version"], one["status"], one["run"]) for one in rows] == [
        (2, "approved", "run-b"),
        (1, "candidate", "run-a"),
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("compare", "run-a", "nothing"), "no run 'nothing'"),
        (("compare", "run-a", "run-"), "begins the names of 3 runs"),
        (("compare", "run-a", "films@1"), "films"),
        (("leaderboard", "films"), "films"),
    ],
)
def test_what_is_not_there_is_named(said, words, line):
    with pytest.raises(BadRequest, match=line):
        said(*words)


def test_an_alias_that_points_nowhere_is_named(store, said):
    register(store, "run-a", "2")
    with pytest.raises(BadRequest, match="reviews has no 'champion'"):
        said("compare", "run-a", "reviews@champion")
