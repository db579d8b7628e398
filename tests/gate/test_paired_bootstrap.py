import itertools

import pytest
from pydantic import ValidationError

from judged import first, quality_report, speed_report
from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.gate.paired_bootstrap import PairedBootstrap

TEACHER, SMALL, LARGE, CHAMPION = (digit * 64 for digit in "1234")
N = {"validation": 1000, "test": 1500}


def right(share: float, *, but: int = 0) -> dict[str, list[bool]]:
    """The first rows of both splits are answered right, up to `share`."""
    return {split: first(n, round(n * share), but=but) for split, n in N.items()}


@pytest.fixture
def teacher(bench):
    trivial = {"tf-idf + linear": right(0.60), "majority": right(0.34)}
    return quality_report(bench, TEACHER, right(0.80), size=86_700_000, trivial=trivial)


@pytest.fixture
def student(bench, teacher):
    """Builds the report of a candidate."""

    def build(model: str = SMALL, share: float = 0.79, *, but: int = 0, size: int = 6_100_000, **options):
        options.setdefault("baseline", teacher)
        return quality_report(bench, model, right(share, but=but), size=size, **options)

    return build


@pytest.fixture
def decide(bench):
    """Run the gate and give its verdict.json and the artifact."""
    number = itertools.count()

    def run(*reports: Report, champion: Report | None = None, **options):
        task = bench.task(f"gate-{next(number)}")
        verdict = PairedBootstrap(**options).run(reports=reports, champion=champion, task=task)
        bench.keep(verdict)
        return verdict.read(), verdict

    return run


def test_a_good_student_passes_and_the_sentence_says_why(bench, decide, teacher, student):
    report = student()
    said, verdict = decide(report, speed_report(bench, SMALL, teacher), retention=0.95, speedup=2, smaller=6)
    assert verdict.passed
    assert said["sentence"].startswith(
        "passed: keeps 98.8 % of the teacher (95 % lower bound 98.1 % ≥ 95 %, n = 1,500)"
    )
    assert said["sentence"].endswith("; 6.1× faster (5.8× to 6.4×); 14.2× smaller")
    assert verdict.refs["model"] == SMALL
    assert verdict.refs["baseline_model"] == TEACHER
    assert {verdict.refs[f"report.{i}"] for i in range(3)} >= {report.digest, teacher.digest}
    assert verdict.summary["sentence"] == said["sentence"]


def test_a_percentage_is_no_share():
    with pytest.raises(OptionError, match="retention: must be a share .* 97 % is 0.97, got 97"):
        configure(PairedBootstrap, "paired-bootstrap", {"retention": 97})


def test_an_impossible_retention_is_refused_by_how_much(decide, student):
    said, verdict = decide(student(), retention=1.01)
    assert not verdict.passed
    assert verdict.meta == {"passed": False}
    assert said["sentence"].startswith(
        "refused: keeps 98.8 % of the teacher, 2.2 points less than the 101 % required"
    )


def test_inconclusive_is_not_a_pass_and_says_how_many_rows_it_takes(decide, student):
    # it loses and gains many rows, so that n = 1,500 is not enough to be sure
    said, verdict = decide(student(share=0.96, but=285))
    assert not verdict.passed
    assert said["checks"][0]["outcome"] == "inconclusive"
    assert said["sentence"].startswith("inconclusive: keeps 96.2 % of the teacher, but not for sure")
    needed = said["sentence"].split("needs n ≈ ")[1].split(";")[0]
    assert int(needed.replace(",", "")) > 1500


def test_the_candidate_is_chosen_on_validation(bench, decide, student):
    small = student(SMALL, 0.79, size=4_000_000)
    large = student(LARGE, 0.80, size=9_000_000)
    assert decide(small, large, choose="smallest")[1].refs["model"] == SMALL
    assert decide(small, large, choose="best")[1].refs["model"] == LARGE
    # one that keeps too little on validation is not chosen, however small
    assert decide(small, large, choose="smallest", retention=0.99)[1].refs["model"] == LARGE


def test_the_fastest_is_the_one_with_the_largest_speedup(bench, decide, teacher, student):
    reports = [student(SMALL), student(LARGE)]
    slow = speed_report(bench, SMALL, teacher, speedup=(2.0, 1.9, 2.1))
    fast = speed_report(bench, LARGE, teacher, speedup=(5.0, 4.9, 5.1))
    assert decide(*reports, slow, fast, choose="fastest")[1].refs["model"] == LARGE


def test_speed_and_size_that_miss_are_named_first(bench, decide, teacher, student):
    speed = speed_report(bench, SMALL, teacher, speedup=(1.4, 1.3, 1.5))
    said, _ = decide(student(size=80_000_000), speed, speedup=3, smaller=6)
    assert said["sentence"].startswith(
        "refused: only 1.4× faster (1.3× to 1.5×), 3× faster required; only 1.1× smaller, 6× smaller"
    )
    assert [check["passed"] for check in said["checks"]] == [True, False, False]


def test_a_speedup_that_is_not_sure_is_inconclusive(bench, decide, teacher, student):
    speed = speed_report(bench, SMALL, teacher, speedup=(3.2, 2.7, 3.9))
    said, verdict = decide(student(), speed, speedup=3)
    assert not verdict.passed
    assert (
        "inconclusive: 3.2× faster, but not for sure (95 % interval 2.7× to 3.9×, 3× required)"
        in said["sentence"]
    )


def test_a_busy_machine_is_said(bench, decide, teacher, student):
    busy = "other processes used 1.0 of 2 cores"
    said, verdict = decide(student(), speed_report(bench, SMALL, teacher, busy=busy), speedup=3)
    assert verdict.passed
    assert "6.1× faster (5.8× to 6.4×) on a busy machine;" in said["sentence"]


def test_the_teacher_has_one_row_whatever_was_chosen(bench, decide, teacher, student):
    reports = [student(SMALL), student(LARGE, size=20_000_000)]
    speeds = [
        speed_report(bench, model, teacher, speedup=(ratio, ratio - 0.1, ratio + 0.1))
        for model, ratio in ((SMALL, 4.0), (LARGE, 6.0))
    ]
    both = [decide(*reports, *speeds, choose=how)[0] for how in ("smallest", "fastest")]
    assert both[0]["chosen"] != both[1]["chosen"]
    assert {one["rows"][0]["p50_ms"] for one in both} == {1.25 * 5.0}
    for one in both:
        assert one["warnings"] == [
            "warning: the teacher took 5.0 to 7.5 ms beside the candidates; "
            "compare their ratios, not their times"
        ]


def test_an_accuracy_can_be_required(decide, student):
    said, _ = decide(student(), minimum={"accuracy": 0.8})
    assert "accuracy 0.790, 1.0 points less than the 0.8 required" in said["sentence"]
    assert decide(student(), minimum={"accuracy": 0.79})[1].passed


@pytest.fixture
def champion(bench, teacher):
    """Builds the report of today's champion."""

    def build(share: float = 0.79, *, but: int = 0, model: str = CHAMPION, **options):
        return quality_report(bench, model, right(share, but=but), baseline=teacher, **options)

    return build


def test_without_a_champion_nothing_is_asked_of_it(decide, student):
    said, verdict = decide(student(), champion=None)
    assert verdict.passed
    assert said["champion"] is None
    assert "champion" not in said["sentence"]
    assert "champion" not in verdict.refs


def test_a_model_as_good_as_the_champion_passes_and_the_table_shows_both(decide, student, champion):
    today = champion(0.788)
    said, verdict = decide(student(), champion=today)
    assert verdict.passed
    assert "; not worse than the champion by 2.0 points or more: +0.2 points (95 % lower" in said["sentence"]
    assert verdict.refs["champion"] == today.digest
    assert verdict.refs["champion_model"] == CHAMPION == said["champion"]
    row = next(row for row in said["rows"] if row["role"] == "champion")
    assert row["kept"]["value"] == pytest.approx(0.985)


def test_a_model_that_is_clearly_worse_than_the_champion_is_refused(decide, student, champion):
    said, verdict = decide(student(share=0.765), champion=champion(0.80), retention=0.9)
    assert not verdict.passed
    assert said["sentence"].startswith(
        "refused: −3.5 points against the champion, only 2.0 points less are allowed (95 % lower bound −4"
    )
    assert decide(student(share=0.765), champion=champion(0.80), retention=0.9, champion_drop=0.05)[1].passed


def test_not_sure_against_the_champion_says_how_many_rows_it_takes(decide, student, champion):
    said, verdict = decide(student(share=0.80, but=60), champion=champion(0.775), retention=0.9)
    assert not verdict.passed
    assert said["sentence"].startswith("inconclusive: −1.5 points against the champion, but not surely")
    needed = said["sentence"].split("needs n ≈ ")[1].split(";")[0]
    assert int(needed.replace(",", "")) > 1500


def test_the_champion_itself_needs_to_prove_nothing(decide, student, champion):
    said, verdict = decide(student(), champion=champion(0.79, model=SMALL), champion_drop=0, slice_drop=0.05)
    assert verdict.passed
    assert "; is today's champion; " in said["sentence"]
    assert not [row for row in said["rows"] if row["role"] == "champion"]


def test_the_candidate_is_chosen_among_those_as_good_as_the_champion(decide, student, champion):
    small, large = student(SMALL, 0.76, size=4_000_000), student(LARGE, 0.80, size=9_000_000)
    assert decide(small, large, retention=0.9)[1].refs["model"] == SMALL
    said, verdict = decide(small, large, retention=0.9, champion=champion(0.80))
    assert verdict.passed
    assert verdict.refs["model"] == LARGE
    assert (
        said["because"] == "smallest that on validation surely keeps 90 % and is not worse than the champion"
    )


def test_a_champion_that_was_measured_on_other_data_is_refused(bench, decide, teacher, student, champion):
    with pytest.raises(BadRequest, match="champion was measured on other data"):
        decide(student(), champion=champion(data="f" * 64))
    with pytest.raises(BadRequest, match="the champion is a report of type speed"):
        decide(student(), champion=speed_report(bench, CHAMPION, teacher))


def test_a_slice_that_drops_is_named_though_the_whole_looks_good(bench, decide, teacher):
    # every lost row is a positive one
    ok = {
        split: [one and not (i % 3 == 2 and i < 0.15 * N[split]) for i, one in enumerate(answers)]
        for split, answers in right(0.80).items()
    }
    report = quality_report(bench, SMALL, ok, baseline=teacher)
    assert decide(report, retention=0.9)[1].passed
    said, verdict = decide(report, retention=0.9, slice_drop=0.05)
    assert not verdict.passed
    assert said["sentence"].startswith(
        "refused: label positive drops by 15.0 points against the teacher (n = 500, corrected p < 0.001), "
        "5.0 points allowed; keeps "
    )
    assert decide(report, retention=0.9, slice_drop=0.2)[1].passed
    loose = decide(report, retention=0.9, slice_drop=0.05, slice_rows=501)[0]["sentence"]
    assert "none of 2 slices drops by more than 5.0 points for sure" in loose


def test_slices_are_guarded_against_the_champion_too(bench, decide, student, champion):
    said, verdict = decide(
        student(share=0.75), champion=champion(0.80), retention=0.9, champion_drop=0.1, slice_drop=0.01
    )
    assert not verdict.passed
    assert "against the teacher" in said["sentence"]
    assert "against the champion (n =" in said["sentence"]


def test_a_calibration_error_can_be_limited(decide, student):
    # it says 0.7 and is right in 79 % of the rows
    said, verdict = decide(student(), limits={"ece": 0.05})
    assert not verdict.passed
    assert said["sentence"].startswith("refused: calibration error 0.090, 0.05 allowed; ")
    assert decide(student(), limits={"ece": 0.1})[1].passed


def test_the_table_has_teacher_candidates_and_trivial_models(bench, decide, teacher, student):
    said, _ = decide(
        student(SMALL, name="inc"), student(LARGE, name="onnx"), speed_report(bench, SMALL, teacher)
    )
    rows = {row["name"]: row for row in said["rows"]}
    assert list(rows) == ["teacher", "inc", "onnx", "tf-idf + linear", "majority"]
    assert rows["inc"]["chosen"]
    assert not rows["onnx"]["chosen"]
    assert rows["teacher"]["measures"]["accuracy"]["value"] == 0.8
    assert rows["teacher"]["p50_ms"] == pytest.approx(6.1 * rows["inc"]["p50_ms"])
    assert rows["tf-idf + linear"]["kept"]["value"] == pytest.approx(0.75)
    assert rows["majority"]["bytes"] == 120
    assert rows["onnx"]["p50_ms"] is None


def test_two_candidates_of_one_name_are_told_apart(decide, student):
    rows = decide(student(SMALL), student(LARGE))[0]["rows"]
    assert [row["name"] for row in rows if row["role"] == "candidate"] == ["hf 222222", "hf 333333"]


def test_a_trivial_model_that_is_as_good_is_a_warning(bench, decide):
    trivial = {"tf-idf + linear": right(0.785), "majority": right(0.34)}
    teacher = quality_report(bench, TEACHER, right(0.80), size=86_700_000, trivial=trivial)
    report = quality_report(bench, SMALL, right(0.785), baseline=teacher)
    said, verdict = decide(report)
    assert verdict.passed
    assert "warning: tf-idf + linear is as good (0.785 against 0.785)" in said["sentence"]
    assert len(said["warnings"]) == 1


def test_the_same_reports_give_the_same_verdict(decide, student):
    report = student()
    assert decide(report)[1].path != decide(report)[1].path
    assert decide(report)[0] == decide(report)[0]


def test_reports_that_do_not_fit_are_refused_in_one_line(bench, decide, teacher, student):
    with pytest.raises(BadRequest, match="no report compares a model with a baseline"):
        decide(teacher)
    with pytest.raises(BadRequest, match="measured on different data"):
        decide(student(), student(LARGE, data="f" * 64))
    with pytest.raises(BadRequest, match="the gate asks for speed, but hf has no speed report"):
        decide(student(), speedup=2)
    with pytest.raises(BadRequest, match="has a speed report without baseline"):
        decide(student(), speed_report(bench, SMALL, None), speedup=2)
    other = quality_report(bench, "9" * 64, right(0.7))
    with pytest.raises(BadRequest, match="compared with different baselines"):
        decide(student(), student(LARGE, baseline=other))


def test_a_step_that_measured_something_else_is_refused(bench, decide, student):
    strange = bench.keep(
        Report(path=bench.task("s").output, meta={"type": "perplexity"}, refs={"model": SMALL})
    )
    with pytest.raises(BadRequest, match="not 'perplexity'; leave that step out"):
        decide(student(), strange)


def test_a_speed_beside_another_model_than_the_teacher_is_refused(bench):
    rows = {"validation": first(600, 480), "test": first(1500, 1200)}
    teacher, slow = (quality_report(bench, model * 64, rows) for model in "19")
    student = quality_report(bench, "2" * 64, rows, baseline=teacher)
    with pytest.raises(BadRequest, match="beside hf, which is not the model that quality was compared with"):
        PairedBootstrap(speedup=2).run(
            reports=[student, speed_report(bench, "2" * 64, slow)], champion=None, task=bench.task("gate")
        )


@pytest.mark.parametrize(
    "options", [{"retention": 0}, {"confidence": 1}, {"choose": "cheapest"}, {"speedup": -1}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        PairedBootstrap(**options)
