"""The local engine: caching, resuming, refusing, failing, and being killed at any moment."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from disks import nfs, no_links  # noqa: F401 - fixtures
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import file_digest
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.execution.run import Running
from slmworks.execution.spec import TaskSpec
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.registry.log import Registry


def test_a_second_run_does_nothing_again(works) -> None:
    first = works.run()
    assert set(works.states(first).values()) == {"done"}
    assert first.exit_code == 0
    second = works.run()
    assert set(works.states(second).values()) == {"cached"}
    assert not second.worked
    assert works.digests(first) == works.digests(second)


def test_only_what_changed_and_what_follows_is_run(works) -> None:
    works.run()
    works.recipe = works.recipe.replace("bits: 8", "bits: 6")
    states = works.states(works.run())
    assert {task for task, state in states.items() if state == "done"} == {
        "quantize.bits=6", "evaluate.bits=6", "gate",
    }  # fmt: skip


def test_a_plugin_is_not_handed_what_it_ignores_and_does_not_name(works) -> None:
    quantize = next(line for line in works.recipe.splitlines() if line.strip().startswith("quantize:"))
    again = "  again: {stage: quantize, uses: toy-onnx, from: {model: quantize, calibration: curate}}"
    works.recipe = works.recipe.replace(quantize, f"{quantize}\n{again}")
    states = works.states(works.run())
    assert states["again.bits=4"] == "done"


def test_a_new_test_set_retrains_nothing(works) -> None:
    works.run()
    (works.folder / "test.csv").write_text("other test rows")
    states = works.states(works.run())
    assert states["curate"] == "done"
    assert states["teacher"] == states["student"] == states["quantize.bits=4"] == "cached"
    assert states["evaluate.bits=4"] == "done"


def test_a_training_step_never_sees_the_test_set(works) -> None:
    run = works.run()
    seen = (works.store.folder(works.digests(run)["teacher"]) / "seen.json").read_text()
    assert "train rows" in seen
    assert "test rows" not in seen


def test_fresh_runs_a_step_again(works) -> None:
    works.run()
    states = works.states(works.run(fresh=frozenset({"student"})))
    assert states["student"] == "done"
    assert states["teacher"] == states["quantize.bits=4"] == "cached"  # the same bytes came out


def test_what_holds_for_a_moment_only_is_made_again(works, monkeypatch) -> None:
    monkeypatch.setenv("TOY_MOMENT", "1")
    works.run()
    monkeypatch.delenv("TOY_MOMENT")
    again, third = works.states(works.run()), works.states(works.run())
    assert {task for task, state in again.items() if state == "done"} == {
        "evaluate.bits=4",
        "evaluate.bits=8",
    }
    assert set(third.values()) == {"cached"}


def test_a_refusal_is_a_normal_end(works) -> None:
    works.recipe = works.recipe.replace(
        "from: {reports: evaluate}", "from: {reports: evaluate}, with: {allow: false}"
    )
    works.recipe += "  register: {from: {verdict: gate}, with: {name: toy}}\n"
    run = works.run()
    assert run.exit_code == 99
    assert works.states(run)["gate"] == "refused"
    assert works.states(run)["register"] == "skipped"
    assert works.store.list("registry") == []
    again = works.run()
    assert (again.exit_code, again.worked) == (99, False)


def test_a_failed_branch_fails_the_run_after_the_others_are_done(works) -> None:
    works.recipe += (
        "  other: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {fail: true}}\n"
    )
    run = works.run()
    assert run.exit_code == 1
    states = works.states(run)
    assert states["other"] == "failed"
    assert states["gate"] == "done"
    assert "the optimizer exploded" in run.outcomes["other"].error
    record = works.record(run.id, "other")
    assert record["state"] == "failed"
    assert "RuntimeError" in record["trace"]
    assert record["metrics"][0]["loss"] == 1.0


def test_a_task_that_is_killed_loses_only_itself(works) -> None:
    works.recipe = works.recipe.replace("seconds: 0", "seconds: 20")
    process = works.start()
    task = _wait_for_task(works, "teacher")
    os.kill(task, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "was killed (signal 9" in output
    works.recipe = works.recipe.replace("seconds: 20", "seconds: 0")
    states = works.states(works.run())
    assert states["curate"] == "cached"
    assert states["teacher"] == "done"


def test_when_the_engine_is_killed_its_tasks_die_and_a_new_run_goes_on(works) -> None:
    slow = works.recipe.replace("seconds: 0", "seconds: 20")
    works.recipe, clean = slow, works.recipe
    process = works.start()
    task = _wait_for_task(works, "teacher")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_until(lambda: not _runs(task))
    assert _staged(works) != []  # the killed task's scratch is still there
    works.recipe = clean
    run = works.run()
    assert run.exit_code == 0
    assert works.states(run)["curate"] == "cached"
    assert _staged(works) == []


def test_ctrl_c_leaves_nothing_half_written(works) -> None:
    works.recipe = works.recipe.replace("seconds: 0", "seconds: 20")
    process = works.start()
    task = _wait_for_task(works, "teacher")
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped. What was finished is kept" in output
    _wait_until(lambda: not _runs(task))
    assert "Traceback" not in output


def test_two_runs_at_once_do_the_work_once(works) -> None:
    works.recipe = works.recipe.replace("seconds: 0", "seconds: 2")
    first, second = works.start(), works.start()
    outputs = [first.communicate(timeout=120)[0], second.communicate(timeout=120)[0]]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    assert "\n".join(outputs).count("teacher: done") == 1, outputs


def test_a_run_on_nfs(works, nfs) -> None:
    process = works.start()
    output, _ = process.communicate(timeout=120)
    assert (process.returncode, "Bad file descriptor" in output) == (0, False), output
    assert nfs() == {"shared", "exclusive"}


def test_a_run_where_files_cannot_be_linked(works, no_links) -> None:
    process = works.start()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert no_links() == {"link"}
    assert set(works.states(works.run()).values()) == {"cached"}


def test_an_edited_object_is_made_anew(works) -> None:
    run = works.run()
    digest = works.digests(run)["quantize.bits=4"]
    edited = works.store.folder(digest) / "model.onnx"
    edited.chmod(0o644)
    edited.write_text("5")
    again = works.run()
    assert works.states(again)["quantize.bits=4"] == "done"
    assert works.digests(again)["quantize.bits=4"] == digest
    assert edited.read_text() == "4"


def test_a_damaged_manifest_is_made_anew(works) -> None:
    run = works.run()
    identity = works.record(run.id, "student")["fingerprint"]
    (works.store.root / f"tasks/{identity}.json").write_text("{torn")
    again = works.run()
    assert works.states(again)["student"] == "done"
    assert works.states(works.run())["student"] == "cached"


def test_an_edited_object_whose_manifest_was_edited_too_is_made_anew(works) -> None:
    run = works.run()
    digest, identity = (
        works.digests(run)["quantize.bits=4"],
        works.record(run.id, "quantize.bits=4")["fingerprint"],
    )
    edited, told = works.store.folder(digest) / "model.onnx", works.store.root / f"tasks/{identity}.json"
    edited.chmod(0o644)
    edited.write_text("5")
    said = json.loads(told.read_text())
    (file,) = [one for one in said["files"] if one["path"] == "model.onnx"]
    file["sha256"] = file_digest(edited)
    told.write_text(json.dumps(said))
    again = works.run()
    assert works.states(again)["quantize.bits=4"] == "done"
    assert (works.digests(again)["quantize.bits=4"], edited.read_text()) == (digest, "4")


def test_a_manifest_that_was_copied_under_another_identity_is_made_anew(works) -> None:
    run = works.run()
    four, eight = (works.record(run.id, f"quantize.bits={bits}")["fingerprint"] for bits in (4, 8))
    place = works.store.root / "tasks"
    (place / f"{eight}.json").write_bytes((place / f"{four}.json").read_bytes())
    again = works.run()
    assert (works.states(again)["quantize.bits=8"], works.states(again)["quantize.bits=4"]) == (
        "done",
        "cached",
    )
    assert works.digests(again) == works.digests(run)


def test_damage_that_hides_its_time_is_found_before_it_is_used(works) -> None:
    run = works.run()
    digest = works.digests(run)["student"]
    edited = works.store.folder(digest) / "student.json"
    before = edited.stat()
    edited.chmod(0o644)
    edited.write_text("[9]")  # as long as it was
    os.utime(edited, ns=(before.st_atime_ns, before.st_mtime_ns))
    works.recipe = works.recipe.replace("bits: 8", "bits: 2")
    broken = works.run()
    assert broken.exit_code == 1
    assert "not the bytes that were committed" in broken.outcomes["quantize.bits=2"].error
    healed = works.run()
    assert healed.exit_code == 0
    assert works.states(healed)["student"] == "done"


def test_a_polite_kill_is_like_ctrl_c(works) -> None:
    works.recipe = works.recipe.replace("seconds: 0", "seconds: 20")
    process = works.start()
    _wait_for_task(works, "teacher")
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    (run,) = (path.parent.name for path in works.store.root.glob("runs/*/run.json"))
    assert works.record(run, "run")["state"] == "stopped"
    assert works.record(run, "teacher")["state"] == "stopped"


def test_code_that_differs_from_the_plan_is_refused(works) -> None:
    from slmworks.execution.run import Running
    from slmworks.execution.spec import TaskSpec

    spec = TaskSpec(
        run="r", id="x", step="x", stage="distill", plugin="toy", code="0" * 64, store=works.store.url
    )
    with pytest.raises(BadRequest, match=r"distill toy \(slmworks-toy 1.0\) is other code here"):
        Running.prepare(spec, {}, print)


CHAMPION = """\
  champion: {stage: evaluate, uses: toy, from: {model: "models:/toy@champion", data: curate}}
  both: {stage: gate, uses: toy, from: {reports: [evaluate, champion]}}
  alone: {stage: gate, uses: toy, from: {reports: champion}}
"""


def test_before_the_first_approval_the_champion_is_left_out(works) -> None:
    works.recipe += CHAMPION
    run = works.run()
    states = works.states(run)
    assert run.exit_code == 0
    absent = {"champion.model", "champion", "alone"}
    assert {task for task, state in states.items() if state == "absent"} == absent
    assert run.outcomes["alone"].error == "no model is registered as toy yet"
    assert states["both"] == "done"
    assert len(works.record(run.id, "both")["inputs"]["reports"]) == 2  # only the sweep's


def test_the_champion_is_the_one_of_the_runs_beginning(works) -> None:
    works.recipe += CHAMPION
    first = works.run()
    registry = Registry(works.store)
    chosen = works.digests(first)["quantize.bits=4"]
    registry.register("toy", model_digest=chosen, wrapper_digest="w", verdict="v", seal=lambda _: "r")
    assert works.run().outcomes["champion"].error == "toy has no champion yet"
    registry.approve("toy", 1, who="ann", how="said so", why="good")
    run = works.run()
    states = works.states(run)
    assert works.digests(run)["champion.model"] == chosen
    assert states["champion"] == "cached"  # it was evaluated when it was a candidate
    assert len(works.record(run.id, "both")["inputs"]["reports"]) == 3
    assert states["alone"] == "done"
    assert works.states(works.run())["champion.model"] == "cached"


def test_a_version_that_is_not_there_is_refused_before_anything_runs(works) -> None:
    works.recipe += CHAMPION.replace("@champion", "/7")
    with pytest.raises(BadRequest, match=r"toy.yaml:10 steps.champion.from.model: no model is registered as"):
        works.run()
    assert works.store.list("runs") == []


def _wait_for_task(works, task: str) -> int:
    """Number of the process that runs a task, once it has begun to work."""

    def scratch():
        return list((works.store.cache / "scratch").glob(f"*-{task}-*/"))

    _wait_until(lambda: bool(scratch()))
    time.sleep(0.2)
    return int(scratch()[0].name.partition("-")[0])


def _staged(works) -> list[str]:
    return [path.name for path in (works.store.cache / "scratch").glob("*/")]


def _runs(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _wait_until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_task_that_goes_on_leaves_its_curve_behind(works, monkeypatch) -> None:
    monkeypatch.setattr("slmworks.execution.run.SPOOL", 0.0)
    written: list[dict] = []
    whole = works.store.write

    def write(key: str, data: bytes) -> None:
        written.append(json.loads(data))
        whole(key, data)

    first = works.run()
    task = plan(Recipe.read(works.write())).tasks["teacher"]
    made = {name: outcome.manifest for name, outcome in first.outcomes.items() if outcome.manifest}
    spec = task.spec(run="again", store=works.store.url, sources={}, fresh=True)
    running = Running.prepare(spec, task.given(made), lambda _event: None)
    monkeypatch.setattr(type(running.store), "write", lambda _self, key, data: write(key, data))
    running.run()
    states = [(one["state"], len(one["metrics"])) for one in written if one.get("task") == "teacher"]
    assert states == [("running", 1), ("running", 2), ("done", 2)]


def test_a_killed_run_s_task_is_no_longer_said_to_run(works) -> None:
    from slmworks.lineage.liveness import _close

    started, last = "2026-11-28T00:00:00+00:00", "2026-11-28T00:01:00+00:00"
    spec = TaskSpec(run="r1", id="a", step="a", stage="curate", plugin="toy", store=works.store.url)
    RunRecord.of("r1", "running", {}, recipe="x", started=started).write(works.store)
    TaskRecord.of(spec, "running", started=started, ended=last).write(works.store)
    assert _close(works.store, "r1")
    assert works.record("r1", "a")["state"] == "killed"
    assert works.record("r1", "run")["ended"] == last
