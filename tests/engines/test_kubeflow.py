"""A recipe as a Kubeflow pipeline: the compiled file, run by `kfp.local`."""

import json
import subprocess
import sys
from pathlib import Path

import libyaml
import pytest

pytest.importorskip("kfp")

from kfp_told import specs, told
from local_kfp import IMAGES, Ended, compiled, run_pipeline
from toy_line import Works, show_toys

from slmworks.contract.costs import Costs
from slmworks.contract.errors import BadRequest
from slmworks.engines.close_run import begin, close
from slmworks.engines.kubeflow.runs import ENDINGS, end, following_record, note
from slmworks.execution.encoded import pack
from slmworks.execution.records import run_ids, run_record
from slmworks.execution.run import Running
from slmworks.execution.spec import TaskSpec
from slmworks.store import open_store


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Works, Ended]:
    """The toy line after one run: for tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        show_toys(patch)
        works = Works(tmp_path_factory.mktemp("once"))
        pipeline = compiled(works.write(), works.store).first
        return works, run_pipeline(pipeline, works.store, tmp_path_factory.mktemp("root"))


def test_runs_of_kubeflow_stand_in_the_store(once: tuple[Works, Ended]) -> None:
    works, ended = once
    assert run_ids(works.store) == [ended.run]


def test_the_same_digests_as_on_this_machine_and_one_cache(works, tmp_path: Path) -> None:
    elsewhere = open_store(str(tmp_path / "cluster"))
    ended = run_pipeline(compiled(works.write(), elsewhere).first, elsewhere, tmp_path / "root")
    assert ended.succeeded, ended.log
    local = works.run()
    assert ended.digests == works.digests(local)
    local_files = {"raw", "teacher.model"}  # brought into the store when it was compiled
    assert {task for task, state in ended.states.items() if state == "cached"} == local_files
    works.store = elsewhere
    again = works.run()
    assert not again.worked
    ended = run_pipeline(compiled(works.write(), elsewhere).first, elsewhere, tmp_path / "root2")
    assert set(ended.states.values()) == {"cached"}


def test_the_record_of_the_run_is_as_complete_as_the_local_engine_s(once: tuple[Works, Ended]) -> None:
    works, ended = once
    local = run_record(works.store, works.run().id)
    assert (ended.record.state, ended.record.engine) == ("done", "kubeflow")
    assert ended.record.ended > ended.record.started
    assert (ended.record.text, ended.record.plan) == (local.text, local.plan)


def test_artifacts_are_manifests_with_what_a_person_wants_to_see(once: tuple[Works, Ended]) -> None:
    works, ended = once
    made = json.loads((ended.folders["teacher"] / "made").read_text())
    assert made["digest"] == ended.digests["teacher"]
    shown = output(ended, "teacher")
    assert shown["digest"] == made["digest"]
    assert shown["store"] == f"{works.store.url}/objects/{made['digest']}"
    assert shown["plugin"] == "finetune toy"
    assert shown["options"]["rate"] == 0.1
    assert "passed" in (ended.folders["gate"] / "page").read_text()
    assert (ended.folders["gate"] / "passed").exists() is False
    assert (ended.folders["gate"] / "Output").read_text() == "true"


def output(ended, task: str) -> dict:
    """What Kubeflow shows beside a task's result."""
    said = json.loads((ended.folders[task] / "executor_output.json").read_text())
    return said["artifacts"]["made"]["artifacts"][0]["metadata"]


def test_the_log_reads_like_the_terminal(once: tuple[Works, Ended]) -> None:
    _, ended = once
    lines = [line.strip() for line in ended.log.splitlines()]
    at = lines.index("teacher: starts (finetune toy)")
    assert any(line.startswith("✓ teacher: done: ") for line in lines[at:])
    assert "= raw: cached: 3 files" in ended.log or "= raw: cached" in ended.log


def test_a_task_that_fails_fails_the_pipeline_after_the_others_have_ended(works, tmp_path: Path) -> None:
    works.recipe = works.recipe.replace("seconds: 0}", "fail: true}") + (
        "  other: {stage: quantize, uses: toy-onnx, from: {model: ./onnx}}\n"
    )
    (works.folder / "onnx").mkdir()
    for name in ("config.json", "model.safetensors"):
        (works.folder / "onnx" / name).write_text("{}")
    works.recipe = works.recipe.replace(
        "uses: toy-onnx, from: {model: ./onnx}", "uses: toy, from: {model: ./onnx, calibration: curate}"
    )
    ended = run_pipeline(compiled(works.write(), works.store).first, works.store, tmp_path / "root")
    assert not ended.succeeded
    assert ended.record.state == "failed"
    assert ended.states["teacher"] == "failed"
    assert ended.states["student"] == "skipped"
    assert ended.states["other"] == "done"
    assert "slmworks: teacher: RuntimeError: the optimizer exploded" in ended.log


REFUSED = "  gate: {uses: toy, from: {reports: evaluate}, with: {allow: false}}\n  register: {from: {verdict: gate}, with: {name: toy}}\n"


def test_a_refused_gate_is_a_normal_end_and_what_follows_is_left_out(works, tmp_path: Path) -> None:
    works.recipe = works.recipe.replace("  gate: {uses: toy, from: {reports: evaluate}}\n", REFUSED)
    ended = run_pipeline(compiled(works.write(), works.store).first, works.store, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert ended.states["gate"] == "refused"
    assert ended.states["register"] == "skipped"
    assert ended.record.state == "refused"
    assert (ended.folders["gate"] / "Output").read_text() == "false"
    assert "⊘ gate: refused: refused: 3 points short" in ended.log


def test_an_image_with_other_code_says_which_one_to_build(works, tmp_path: Path, monkeypatch) -> None:
    text = compiled(works.write(), works.store).first
    code = next(one.code for one in specs(text) if one.id == "curate")
    text = text.replace(f"code: {code}", f"code: '{'0' * 64}'")
    monkeypatch.setenv("SLMWORKS_REVISION", "abc1234")
    monkeypatch.setenv("SLMWORKS_IMAGE", "toy:1")
    ended = run_pipeline(text, works.store, tmp_path / "root")
    assert not ended.succeeded
    assert "slmworks: curate: curate toy (slmworks-toy 1.0) is other code here than where" in ended.log
    assert "Build the image toy:1, made from revision abc1234, again" in ended.log
    assert ended.states["curate"] == "failed"


def test_a_champion_means_the_same_in_every_task_of_a_run(works, tmp_path: Path) -> None:
    works.recipe += (
        "  champion: {stage: evaluate, uses: toy, from: {model: 'models:/toy@champion', data: curate}}\n"
    )
    ended = run_pipeline(compiled(works.write(), works.store).first, works.store, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert ended.states["champion.model"] == ended.states["champion"] == "absent"
    pinned = [key for key in works.store.list(f"runs/{ended.run}/") if "/pinned/" in key]
    assert pinned == [f"runs/{ended.run}/pinned/toy@champion"]
    assert output(ended, "champion") == {"absent": "no model is registered as toy yet"}


def test_an_edit_of_a_local_file_makes_another_pipeline(works) -> None:
    before = compiled(works.write(), works.store).first
    assert compiled(works.write(), works.store).first == before
    (works.folder / "train.csv").write_text("other rows")
    assert compiled(works.write(), works.store).first != before


def test_a_step_can_be_run_again_though_no_pod_sees_its_files(works, tmp_path: Path) -> None:
    run_pipeline(compiled(works.write(), works.store).first, works.store, tmp_path / "root")
    text = compiled(works.write(), works.store, fresh=("raw", "curate")).first
    for name in ("train", "validation", "test"):
        (works.folder / f"{name}.csv").unlink()
    ended = run_pipeline(text, works.store, tmp_path / "root2")
    assert ended.succeeded, ended.log
    assert (ended.states["raw"], ended.states["curate"], ended.states["teacher"]) == (
        "cached",
        "done",
        "cached",
    )


def edge(name: str, stage: str = "curate", *needs: str, **more) -> dict:
    """A planned task as a run's record keeps it."""
    return {
        "id": name,
        "step": name,
        "stage": stage,
        "plugin": "toy",
        "inputs": {"data": list(needs)},
        **more,
    }


def ledger(
    works, ending: str | None, plan: list[dict], **states: str
) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """Close a run whose tasks left these states; what was said, and state and error of every task."""
    manifest = works.run().outcomes["raw"].manifest.model_dump(mode="json")
    for task, state in states.items():
        record = {"run": "r1", "task": task, "step": task, "stage": "curate", "plugin": "toy", "state": state,
                  "started": "2026-11-28T00:00:00+00:00", "ended": "2026-11-28T00:01:00+00:00", "metrics": [{"step": 1}],
                  "options": {"a": 1}, "manifest": manifest if state in ("done", "cached", "refused") else None}  # fmt: skip
        works.store.write(f"runs/r1/{task}.json", json.dumps(record).encode())
    told = {"recipe": "toy", "file": "", "text": "", "plan": plan}
    lines = close(works.store, "r1", ending, told, engine="kubeflow", tracking="")
    records = {one["id"]: works.record("r1", one["id"]) for one in plan}
    return lines, {task: (record["state"], record.get("error", "")) for task, record in records.items()}


def test_a_task_that_was_killed_is_said_to_have_failed_and_keeps_its_curve(works) -> None:
    plan = [edge("a"), edge("b", "finetune", "a"), edge("c", "finetune", "b")]
    lines, states = ledger(works, "failed", plan, a="done", b="running")
    assert "b: stopped without a report: its container was killed" in lines[-1]
    assert states["b"][0] == "failed"
    assert states["c"] == ("skipped", "b failed")
    record = works.record("r1", "b")
    assert (record["metrics"], record["options"]) == ([{"step": 1}], {"a": 1})


def test_a_container_that_never_started_is_said_once(works) -> None:
    plan = [edge("a"), edge("b", "finetune", "a"), edge("c", "finetune", "b")]
    lines, states = ledger(works, "failed", plan, a="cached")
    assert [line.partition(":")[0] for line in lines] == ["r1", "b"]
    assert "never seen" in states["b"][1]
    assert states["c"] == ("skipped", "b failed")


def test_what_follows_a_failure_names_it(works) -> None:
    plan = [edge("a"), edge("b", "finetune", "a"), edge("c", "distill", "a", "b")]
    _, states = ledger(works, "failed", plan, a="cached", b="failed")
    assert states["c"] == ("skipped", "b failed")


@pytest.mark.parametrize("word", ["COMPLETE", "RUNNING", "", "SUCCEEDED"])
def test_whatever_a_server_calls_it_a_refused_gate_is_no_failure(works, word: str) -> None:
    plan = [edge("gate", "gate"), edge("register", "register", "gate")]
    lines, states = ledger(works, ENDINGS.get(word), plan, gate="refused")
    assert lines == ["r1: refused"]
    assert states["register"] == ("skipped", "gate refused")


def test_a_server_that_says_nothing_is_not_believed_to_have_succeeded(works) -> None:
    plan = [edge("a"), edge("b", "finetune", "a")]
    assert ledger(works, None, plan, a="done", b="failed")[0] == ["r1: failed"]
    assert ledger(works, None, plan, a="done", b="done")[0] == ["r1: done"]


def test_a_cancelled_run_s_tasks_were_stopped_with_it(works) -> None:
    lines, states = ledger(works, "stopped", [edge("a"), edge("b", "finetune", "a")], a="running")
    assert lines == ["r1: stopped"]
    assert {state for state, _ in states.values()} == {"stopped"}


def test_the_reviewers_that_a_recipe_asks_for_are_asked_for_after_kubeflow_too(works) -> None:
    later = edge("approve", "approve", "a", options={"reviewers": ["ml-leads"]}, after_approval=True)
    _, states = ledger(works, "done", [edge("a"), later], a="done")
    assert states["approve"][0] == "skipped"
    record = works.record("r1", "approve")
    assert (record["stage"], record["options"]) == ("approve", {"reviewers": ["ml-leads"]})


def test_what_is_deployed_without_an_approval_waits_for_the_gate_all_the_same(works) -> None:
    works.recipe += (
        "  register: {from: {verdict: gate}, with: {name: toy}}\n"
        "  deploy: {uses: server, from: {release: register}}\n"
    )
    pipelines = compiled(works.write(), works.store)
    assert pipelines.second == ""
    assert pipelines.first.count("triggerPolicy:\n            condition:") == 1


def test_who_submitted_and_what_stay_known_whatever_comes_first(works) -> None:
    spec = TaskSpec(
        run="r1", id="a", step="a", stage="curate", plugin="toy", store=works.store.url, recipe="toy"
    )
    note(works.store, "r1", {"recipe": "toy", "file": "toy.yaml", "text": "name: toy", "plan": [edge("a")]})
    begin(works.store, spec, "kubeflow")
    assert run_record(works.store, "r1").text == "name: toy"


def test_a_run_that_is_closed_from_outside_keeps_what_computing_costs(works) -> None:
    plan = {"recipe": "toy", "plan": [edge("a")], "costs": Costs(watts_per_core=7).model_dump()}
    note(works.store, "r1", plan)
    end(works.store, run_record(works.store, "r1"), "CANCELED")
    known = run_record(works.store, "r1")
    assert (known.state, known.costs, known.requester[1]) == (
        "stopped",
        Costs(watts_per_core=7),
        "claimed: user name of the process",
    )
    note(works.store, "r2", following_record(known))
    assert run_record(works.store, "r2").costs == Costs(watts_per_core=7)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("  a_b: {stage: quantize, uses: toy, from: {model: teacher, calibration: curate}}\n  a-b: {stage: quantize, uses: toy, from: {model: teacher, calibration: curate}}\n", "is called 'a-b' on Kubeflow, as is 'a_b'; rename the step."),
        ("  close: {stage: quantize, uses: toy, from: {model: teacher, calibration: curate}}\n", "is called 'close' on Kubeflow, as is the task that ends every run"),
    ],
)  # fmt: skip
def test_names_that_are_one_on_kubeflow_are_refused(works, steps: str, said: str) -> None:
    works.recipe += steps
    with pytest.raises(BadRequest) as caught:
        compiled(works.write(), works.store)
    assert said in str(caught.value)


def test_a_join_that_no_argument_can_hold_is_refused(works) -> None:
    branches = ", ".join(f"{{with: {{bits: {bits}}}}}" for bits in range(1, 181))
    works.recipe = works.recipe.replace("[{with: {bits: 4}}, {with: {bits: 8}}]", f"[{branches}]")
    with pytest.raises(
        BadRequest, match=r"steps\.gate: gate would be told 1\d\d kB \(180 inputs\), and Kubeflow takes"
    ):
        compiled(works.write(), works.store)


def test_a_thousand_local_files_are_one_word_to_a_pod(works, tmp_path: Path) -> None:
    (works.folder / "many").mkdir()
    for number in range(1000):
        (works.folder / "many" / f"train-{number}.csv").write_text(str(number))
    works.recipe = works.recipe.replace("train: train.csv", "train: many")
    pipelines = compiled(works.write(), works.store)
    assert max(len(json.dumps(one)) for one in told(pipelines.first).values()) < 5000
    ended = run_pipeline(pipelines.first, works.store, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert ended.digests == works.digests(works.run())


def test_files_that_are_gone_from_the_store_are_said(works, tmp_path: Path) -> None:
    pipelines = compiled(works.write(), works.store)
    empty = open_store(str(tmp_path / "empty"))
    brought = [spec for spec in specs(pipelines.first) if spec.brought]
    assert brought
    for spec in brought:
        elsewhere = spec.model_copy(update={"store": empty.url, "run": "r"})
        with pytest.raises(BadRequest, match=r"are no longer in .*empty; compile the recipe again"):
            Running.prepare(elsewhere, {}, lambda _: None).run()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task", "--executor-input", "no"], "not what Kubeflow passes"),
        (["task", "--executor-input", "{}"], "not what Kubeflow passes"),
        (["task", "--executor-input", '{"outputs": {"outputFile": "x"}}'], "no parameter 'spec'"),
        (["task"], "needs --spec"),
        (["close"], "needs --what"),
        (["close", "--what", "x"], "not what was compiled"),
        (["close", "--executor-input", '{"inputs": {"parameterValues": {"what": "x", "run": "r"}}, "outputs": {"outputFile": "x"}}'], "not what was compiled"),
        (["task", "--executor-input", '{"inputs": {"parameterValues": {"spec": {}, "plugin": "curate toy", "form": "{}", "run": "r"}}, "outputs": {"outputFile": "x"}}'], "not a task spec"),
    ],
)  # fmt: skip
def test_what_is_no_executor_input_is_one_line(words, said) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slmworks", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


SECRETS = (
    IMAGES
    + """\
secrets:
  AWS_SECRET_ACCESS_KEY: {secret: store-credentials, key: secret-key}
  AWS_ACCESS_KEY_ID: {secret: store-credentials, key: key-id}
"""
)


def test_on_s3_with_a_secret_that_is_found_nowhere(works, s3, secret, tmp_path: Path, monkeypatch) -> None:
    store = open_store(s3)
    tracking = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("SLMWORKS_TRACKING", tracking)
    pipelines = compiled(works.write(), store, SECRETS)
    ended = run_pipeline(pipelines.first, store, tmp_path / "root")
    assert ended.succeeded, ended.log
    assert ended.digests == works.digests(works.run())
    assert "uploaded" in ended.log
    assert "store-credentials" in pipelines.first
    texts = [pipelines.first, ended.log, (tmp_path / "mlflow.db").read_bytes().decode("latin-1")]
    texts += [(store.read(key) or b"").decode("latin-1") for key in store.list("")]
    texts += [path.read_text("latin-1") for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert len(texts) > 40
    assert not [text for text in texts if secret in text]
    assert len(told(pipelines.first)) == len(ended.states)


def secrets_of(text: str) -> dict[str, dict[str, str]]:
    """Task -> variable -> the Secret that its value comes from, as the compiled pipeline says."""
    first, platform = libyaml.load_all(text)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert first["deploymentSpec"]["executors"].keys() == executors.keys()
    return {
        name.removeprefix("exec-"): {
            pair["envVar"]: one["secretName"]
            for one in said.get("secretAsEnv", [])
            for pair in one["keyToEnv"]
        }
        for name, said in executors.items()
    }


def test_a_stages_secrets_are_its_pods_alone(works) -> None:
    stage = "stages: {quantize: {secrets: {AWS_SECRET_ACCESS_KEY: {secret: registrar, key: secret-key}}}}\n"
    held = secrets_of(compiled(works.write(), works.store, SECRETS + stage).first)
    both = {"AWS_SECRET_ACCESS_KEY": "store-credentials", "AWS_ACCESS_KEY_ID": "store-credentials"}
    mine = {name for name, secrets in held.items() if secrets != both}
    assert mine == {name for name in held if name.startswith("quantize")}
    assert held[min(mine)] == both | {"AWS_SECRET_ACCESS_KEY": "registrar"}
    assert "close" in held


def test_an_account_of_a_stage_is_refused_since_kubeflow_has_one_a_run(works) -> None:
    stage = "stages: {quantize: {service_account: registrar}}\n"
    with pytest.raises(
        BadRequest, match=r"stages\.quantize\.service_account: Kubeflow starts all pods of a run"
    ):
        compiled(works.write(), works.store, IMAGES + stage)


def test_many_branches_are_tasks_side_by_side(works) -> None:
    branches = ", ".join(f"{{with: {{bits: {bits}}}}}" for bits in range(1, 41))
    works.recipe = works.recipe.replace("[{with: {bits: 4}}, {with: {bits: 8}}]", f"[{branches}]")
    text = compiled(works.write(), works.store).first
    assert "reports_40:" in text
    assert text.count("executorLabel: exec-quantize-") == 40


def test_a_task_that_was_packed_by_another_version_is_refused() -> None:
    from slmworks.execution.encoded import unpack

    assert unpack(pack({"a": "ü"})) == {"a": "ü"}
