"""Mean and spread over seeds: only of what differs by nothing else."""

from typing import Any

from slmworks.contract.manifest import Manifest
from slmworks.packet.page import page
from slmworks.packet.seeds import over_seeds
from slmworks.packet.sources import Background


def task(
    step: str, seed: int, *, options: dict[str, Any] | None = None, **coordinates: str
) -> dict[str, Any]:
    made = {
        "id": ".".join([step, *coordinates.values()]),
        "step": step,
        "plugin": "p",
        "options": options or {},
    }
    return {**made, "coordinates": coordinates, **({"seed": seed} if seed else {})}


def report(accuracy: float) -> Manifest:
    return Manifest(
        kind="Report", format="report", digest="", files=(), meta={"type": "quality", "task": "classification"},
        refs={}, summary={"accuracy": accuracy, "kept": accuracy / 0.8}, fingerprint="", producer={}, inputs={},
        created="", seconds=1.0,
    )  # fmt: skip


def sweep(**more: Any) -> tuple[list[dict[str, Any]], dict[str, Manifest | None]]:
    plan, made = [], {}
    for seed, accuracy in enumerate((0.70, 0.72, 0.74)):
        label = f"seed={seed}"
        plan.append(task("student", seed, student=label, **more.get(label, {})))
        for variant in ("a", "b"):
            plan.append(task("evaluate", 0, student=label, int8=variant))
            made[plan[-1]["id"]] = report(accuracy + 0.01 * (variant == "b"))
    return plan, made


def test_a_sweep_over_seeds_has_a_mean_and_a_spread() -> None:
    first, second = over_seeds(*sweep())
    assert first == (
        "evaluate a, 3 seeds (student 0, 1, 2): accuracy 0.720 ± 0.020 (0.700 to 0.740) · "
        "kept 90.0 % ± 2.5 % (87.5 % to 92.5 %)"
    )
    assert second.startswith("evaluate b, 3 seeds (student 0, 1, 2): accuracy 0.730 ± 0.020")
    assert "Over seeds" in page({"passed": True}, background=Background(seeds=[first]))


def test_variants_that_differ_otherwise_too_are_candidates() -> None:
    plan, made = sweep(**{"seed=1": {"options": {"epochs": 2}}})
    assert over_seeds(plan, made) == []


def test_without_reports_nothing_is_said() -> None:
    plan, made = sweep()
    assert over_seeds(plan, dict.fromkeys(made)) == []
