"""Energy and money on the reviewer's page: from one source for all, and what is not known is left out."""

import re
from dataclasses import replace

import pytest

from slmworks.contract.artifact import Report
from slmworks.contract.costs import Costs
from slmworks.packet.running_costs import Spent, section

MODEL, OTHER = "b" * 64, "c" * 64
PRICED = Costs(watts_per_core=10, grams_co2_per_kwh=400, currency_per_cpu_hour=0.036, currency="CHF")
SPENT = Spent(whole=3600.0, own=900.0, unknown=0, costs=PRICED)
VERDICT = {
    "rows": [
        {"name": "teacher", "role": "teacher", "chosen": False, "model": "a" * 64},
        {"name": "int8", "role": "candidate", "chosen": True, "model": MODEL},
        {"name": "wide", "role": "candidate", "chosen": False, "model": OTHER},
    ]
}


@pytest.fixture
def speeds(tmp_path):
    import json

    def make(**more: dict[str, float]) -> list[Report]:
        found = []
        for model, cpu_ms in ((MODEL, 2.0), (OTHER, 3.0)):
            content = {"model": {"cpu_ms": cpu_ms} | more.get("model", {})}
            content["baseline"] = {"cpu_ms": 20.0} | more.get("baseline", {})
            folder = tmp_path / model[:4]
            folder.mkdir(exist_ok=True)
            (folder / "report.json").write_text(json.dumps(content))
            found.append(Report(path=folder, meta={"type": "speed"}, refs={"model": model}))
        return found

    return make


def shown(reports, spent=SPENT, verdict=VERDICT) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", section(verdict, reports, spent)).split())


def test_what_is_estimated_says_so_and_by_what(speeds) -> None:
    text = shown(speeds())
    assert "CPU ms a request energy for 1,000 (estimated) CO2 for 1,000 CHF for 1,000" in text
    # 20 ms x 1,000 requests x 10 W; 200 J at 400 g a kWh; 20 s at 0.036 an hour
    assert "teacher 20.0 200 J 0.0222 g 0.0002 int8 2.0 20 J 0.00222 g 0.00002 wide 3.0 30 J" in text
    assert "Energy: estimated, 10 W a core times CPU time. CO2: 400 g a kWh." in text
    assert "Money: 0.036 CHF for a core&#x27;s hour." in text


def test_it_has_paid_for_itself_when_it_saved_what_it_took_beyond_its_teacher(speeds) -> None:
    text = shown(speeds())
    assert "took 1.0 h of all cores (36.0 kJ, 4 g CO2, 0.036 CHF)" in text
    assert "beyond what the teacher needed, 15.0 min of all cores (9.0 kJ, 1 g CO2, 0.009 CHF)" in text
    assert "paid for itself after 50,000 requests: each saves 18.0 ms of all cores." in text  # 900 s / 18 ms
    slow = shown(speeds(model={"cpu_ms": 20.0}))
    assert "never pays for itself in computing time" in slow


def test_what_the_teacher_needed_is_left_out_where_nobody_knows_it(speeds) -> None:
    text = shown(speeds(), replace(SPENT, own=None))
    assert "took 1.0 h of all cores (36.0 kJ, 4 g CO2, 0.036 CHF) (energy estimated)." in text
    assert "teacher needed" not in text
    assert "paid for itself" not in text


def test_measured_energy_is_shown_only_where_all_have_it(speeds) -> None:
    some = shown(speeds(model={"joules": 7.0}))
    assert "energy for 1,000 (estimated)" in some
    both = shown(speeds(model={"joules": 7.0}, baseline={"joules": 90.0}))
    assert "energy for 1,000 (measured)" in both
    assert "teacher 20.0 90 J" in both
    assert "(RAPL)" in both


def test_without_factors_there_are_no_columns_of_them(speeds) -> None:
    text = shown(speeds(), replace(SPENT, costs=Costs()))
    assert "energy for 1,000 (estimated) teacher 20.0 300 J" in text
    assert "CO2" not in text
    assert "EUR" not in text
    assert "Energy: estimated, 15 W a core" in text


def test_what_nobody_measured_is_not_invented(speeds) -> None:
    assert section(VERDICT, [], SPENT) == ""
    assert "paid for itself" not in shown(speeds(), None)
    assert "(1 models without a measurement)" in shown(speeds(), replace(SPENT, unknown=1))
    assert "Making" not in shown(speeds(), replace(SPENT, whole=0.0, own=0.0))
