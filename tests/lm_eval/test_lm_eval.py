"""Task files of the harness on a toy, by our runtimes and by the harness's own model."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toys import exported, toy

from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.runtime import open_runtime
from slmworks.evaluate.benchmark_report import BenchmarkReport
from slmworks.testing import Bench, sealed

pytest.importorskip("lm_eval", reason="needs slmworks-lm-eval[run]")

from slmworks_lm_eval.evaluation import LmEval

CHOICE = """\
task: colours
dataset_path: json
dataset_kwargs: {data_files: {test: colours.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}} Answer:"
doc_to_choice: "{{choices}}"
doc_to_target: label
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""
SAY = """\
task: say
dataset_path: json
dataset_kwargs: {data_files: {test: say.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
REQUESTS = [("The lamp is", " red"), ("The lamp is", " blue and green"), ("Two and two", " makes four.")]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return toy(tmp_path_factory.mktemp("lm-eval") / "llama", max_position_embeddings=512)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "files/probes"
    folder.mkdir(parents=True)
    (folder / "colours.yaml").write_text(CHOICE)
    (folder / "say.yaml").write_text(SAY)
    rows = [{"question": f"Row {n}?", "choices": ["red", "blue"], "label": n % 2} for n in range(6)]
    (folder / "colours.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "say.jsonl").write_text(
        "\n".join(json.dumps({"question": f"Say {n}", "answer": "1"}) for n in range(4))
    )
    return sealed(Files(path=tmp_path / "files"))


def run(bench: Bench, model: Model, files: Files, name: str = "lm-eval", **options: Any):
    return bench.keep(LmEval(**options).run(model=model, probes=files, task=bench.task(name)))


def test_tasks_become_measures_with_intervals(bench: Bench, llama: Model, files: Files) -> None:
    report = run(bench, llama, files)
    said = report.read()
    acc = said["tasks"]["colours"]["measures"]["acc"]
    assert acc["n"] == 6
    assert acc["low"] < acc["value"] < acc["high"] or acc["value"] in (0, 1)
    assert said["tasks"]["say"]["measures"]["exact_match"]["value"] == 0
    assert report.summary["colours_acc"] == round(acc["value"], 4)
    found = BenchmarkReport(report).results["colours.acc"]
    assert (found.value, found.n, found.shots, found.higher_is_better) == (acc["value"], 6, 0, True)
    assert report.refs == {"model": llama.digest, "probes": files.digest}
    assert run(bench, llama, files, "again").digest == report.digest


def test_likelihoods_are_those_of_the_harness_s_own_model(bench: Bench, llama: Model) -> None:
    from lm_eval.models.huggingface import HFLM

    from slmworks_lm_eval.asked import Asked

    requests = [SimpleNamespace(args=one) for one in REQUESTS]
    ours = Asked(
        open_runtime(llama, threads=1, model_task="text-generation"),
        bench.task("asked"),
        role="prompt",
        batch_size=2,
    )
    theirs = HFLM(
        pretrained=str(llama.path), device="cpu", dtype="float32", batch_size=1, add_bos_token=False
    )
    wanted = theirs.loglikelihood(
        [SimpleNamespace(args=one, arguments=one) for one in REQUESTS], disable_tqdm=True
    )
    found = ours.loglikelihood(requests)
    assert [one[0] for one in found] == pytest.approx([one[0] for one in wanted], abs=1e-3)
    assert [one[1] for one in found] == [one[1] for one in wanted]


def test_a_model_in_gguf_finds_a_text_as_likely(bench: Bench, llama: Model) -> None:
    small = exported(llama, bench)
    rows = [
        {"messages": [{"role": "prompt", "content": text}], "completion": more} for text, more in REQUESTS
    ]
    one, other = (
        open_runtime(model, threads=1, model_task="text-generation").continued(rows)
        for model in (llama, small)
    )
    assert [a.nll for a in one] == pytest.approx([b.nll for b in other], rel=0.02)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("doc_to_target: label", "doc_to_target: !function x.y"), "colours.yaml: it names code (!function)"),
        (
            ("dataset_path: json", "dataset_path: super_glue"),
            "colours.yaml: dataset_path is 'super_glue'; name csv",
        ),
        (
            ("test: colours.jsonl", "test: ../../etc.jsonl"),
            "colours.yaml: no file '../../etc.jsonl' lies beside it",
        ),
        (("test: colours.jsonl", "test: https://x/y.jsonl"), "no file 'https://x/y.jsonl' lies beside it"),
        (("task: colours", "task: say"), "has a task 'say' too"),
        (("task: colours", "group: colours"), "colours.yaml: it is no task"),
        (("task: colours", "include: other\ntask: colours"), "`include` names code or other files"),
        (("task: colours", "use_prompt: x\ntask: colours"), "`use_prompt` names code or other files"),
        (
            ("metric: acc", "metric: nowhere/measure.py"),
            "colours.yaml: the metric 'nowhere/measure.py' is none",
        ),
        (
            ("metric: acc", "metric: nothing"),
            "colours.yaml: the metric 'nothing' is none of the harness's own",
        ),
        (("metric: acc", "hf_evaluate: true, metric: acc"), "colours.yaml: the metric 'acc' is none of"),
        (("[{metric: acc,", "[{measure: acc,"), "colours.yaml: metric_list must be a list of {metric: NAME}"),
        (
            ('"{{question}} Answer:"', '"{{question.__class__.__mro__}}"'),
            "the harness can't run these tasks: SecurityError",
        ),
        (('"{{question}} Answer:"', '"{{query}}"'), "the harness can't run these tasks: UndefinedError"),
    ],
)
def test_a_task_that_can_t_be_run_is_refused_in_a_line(
    bench: Bench, llama: Model, files: Files, change: tuple[str, str], problem: str
) -> None:
    path = files.path / "probes/colours.yaml"
    path.write_text(CHOICE.replace(*change))
    with pytest.raises(BadRequest) as caught:
        run(bench, llama, files)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_tasks_is_refused(bench: Bench, llama: Model, files: Files) -> None:
    for path in files.path.rglob("*.yaml"):
        path.unlink()
    with pytest.raises(BadRequest, match="probes: no task file of the harness"):
        run(bench, llama, files)
