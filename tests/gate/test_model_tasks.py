"""Gate and packet with model tasks whose measures are not right or wrong: a mean score, and a perplexity."""

import io
import itertools
import json
import re
from html import escape
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console

from judged import evaluated, quality_report
from slmworks import packet
from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Details, Measure, ModelTask, share
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.numbers import figures
from slmworks.numbers.statistics import Estimate

TEACHER, SMALL, CHAMPION = (digit * 64 for digit in "123")
ROWS = {"validation": 300, "test": 400}


class Toy(ModelTask):
    """What both have in common."""

    inputs = ("text", "hint")
    targets = ("wanted",)

    def slices(self, row):
        return {**super().slices(row), "language": row["hint"]}


class Headlines(Toy):
    name = "toy-headlines"
    measures = (
        share("overlap", "word overlap", lambda row, answer: (answer["overlap"], 1.0)),
        share("exact", "exact match", lambda row, answer: (float(answer["overlap"] > 0.99), 1.0)),
        share("brief", "at least half", lambda row, answer: (float(answer["overlap"] >= 0.5), 1.0)),
    )
    titles: ClassVar = {"invented": "invented words", "brevity": "brevity"}

    def confidence(self, answer):
        return answer["sure"]

    def details(self, rows, answers, model, *, resamples, seed):
        return Details({"brevity": Estimate(0.5, 0.4, 0.6)}, {"invented": 0.12}, {"longest": "a <b>"})

    def sections(self, candidate, teacher):
        pair = [one["details"]["longest"] for one in (candidate, teacher)]
        return (f"<h2>Longest</h2><p>{escape(' and '.join(pair))}</p>", "")

    def headline(self, limits):
        return f"Invented words: {limits['invented']:.0%}."


class Continuations(Toy):
    name = "toy-continuations"
    measures = (
        Measure(
            "perplexity",
            "perplexity",
            counts=lambda row, answer: (answer["nll"], answer["tokens"]),
            value=lambda sums: np.exp(sums[..., 0] / np.maximum(sums[..., 1], 1e-12)),
            worst=(160.0, 20.0),
            best=(0.0, 20.0),
            higher_is_better=False,
            written="{:.2f}".format,
        ),
    )


TOYS = {task.name: task for task in (Headlines(), Continuations())}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Both toys, beside what is really installed."""
    toys, offered, opened = dict(TOYS), catalog.model_tasks(), catalog.model_task
    monkeypatch.setattr(catalog, "model_tasks", lambda: {**offered, **toys})
    monkeypatch.setattr(catalog, "model_task", lambda name: toys[name] if name in toys else opened(name))
    return toys


@pytest.fixture
def decide(bench):
    """Run the gate and give its verdict.json."""
    number = itertools.count()

    def run(*reports, champion=None, **options):
        task = bench.task(f"gate-{next(number)}")
        return (
            PairedBootstrap(resamples=2000, **options)
            .run(reports=reports, champion=champion, task=task)
            .read()
        )

    return run


def row(split, i):
    return {
        "id": f"{split}-{i}",
        "text": f"text {split}-{i}",
        "hint": ("en", "fr")[i % 2],
        "source": "web",
        "wanted": f"wanted_{i}",
    }


def report(bench, task, model, answers, **known):
    """`answers(chance, n)`: the answers to a split's rows; `chance` is the same for every model."""
    rows = {split: [row(split, i) for i in range(n)] for split, n in ROWS.items()}
    given = {split: answers(np.random.default_rng(n), n) for split, n in ROWS.items()}
    return evaluated(bench, TOYS[task], model, rows, given, **known)


def headlines(bench, model, *, loss=0.0, french=0.0, **known):
    """A model that loses `loss` of the overlap in some rows, and `french` in all French ones."""

    def answers(chance, n):
        whole, some = chance.beta(6, 2, n), chance.random(n)
        found = whole * np.where(some < 0.3, 1 - loss, 1.0) - np.where(np.arange(n) % 2, french, 0.0)
        return [
            {"overlap": float(one), "sure": float(sure)}
            for one, sure in zip(np.clip(found, 0, 1), some, strict=True)
        ]

    return report(bench, "toy-headlines", model, answers, **known)


def continuations(bench, model, *, more=0.0, french=0.0, **known):
    """A model whose log-likelihood is `more` nats a token worse, and `french` more in French rows."""

    def answers(chance, n):
        tokens = chance.integers(5, 40, n)
        nats = 2 + chance.normal(0, 0.3, n) + more * chance.gamma(2, 0.5, n) + french * (np.arange(n) % 2)
        return [
            {"nll": float(nat * count), "tokens": int(count)} for nat, count in zip(nats, tokens, strict=True)
        ]

    return report(bench, "toy-continuations", model, answers, **known)


def shown(verdict, reports):
    """Page, Markdown and table of a verdict."""
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(packet.table(verdict))
    return packet.page(verdict, reports), packet.markdown(verdict, reports), console.export_text()


def test_a_mean_score_is_kept_with_a_bound_and_shown_in_points(bench, decide):
    teacher = headlines(bench, TEACHER, size=9_000_000)
    student = headlines(bench, SMALL, loss=0.1, baseline=teacher)
    champion = headlines(bench, CHAMPION, loss=0.08, baseline=teacher)
    verdict = decide(
        student, champion=champion, minimum={"overlap": 0.7, "brevity": 0.3}, limits={"invented": 0.2}
    )
    assert re.match(
        r"passed: keeps 9[67]\.\d % of the teacher \(95 % lower bound 9[56]\.\d % ≥ 95 %, n = 400\); "
        r"not worse than the champion by 2\.0 points or more: −0\.\d points \(95 % lower bound −[01]\.\d points, "
        r"n = 400\); word overlap 0\.7\d\d; ",
        verdict["sentence"],
    )
    assert "; brevity 0.500; invented words 0.120; 9.0× smaller" in verdict["sentence"]
    assert verdict["model_task"] == "toy-headlines"
    assert verdict["measures"] == [
        {"name": "overlap", "title": "word overlap"},
        {"name": "exact", "title": "exact match"},
    ]
    row = next(row for row in verdict["rows"] if row["chosen"])
    assert set(row["measures"]) == {"overlap", "exact", "brief", "brevity"}

    page, markdown, table = shown(verdict, [student, teacher, champion])
    assert "word overlap (95 % CI)" in table
    assert "exact match" in table
    head = next(line for line in markdown.splitlines() if "word overlap (95 % CI)" in line)
    cells = [cell.replace("&emsp;", "").strip() for cell in head.split("|")]
    assert cells[2:5] == ["word overlap (95 % CI)", "exact match", "kept"]
    assert "lost (paired Bayesian bootstrap: p" in markdown
    assert markdown.endswith("Invented words: 12%.\n")
    for expected in (
        "Lost: the teacher was better (the surest 8)",
        '<th class="t">text, hint</th><th class="t">wanted</th>',
        "wanted_<wbr>",
        "language fr",
        "Change of word overlap in points",
        "word overlap kept of the teacher, at least",
        "<h2>Longest</h2><p>a &lt;b&gt; and a &lt;b&gt;</p>",
    ):
        assert expected in page
    assert re.search(r"Word overlap −0\.\d \(−\d\.\d to [−+]\d\.\d\) points, 95 % interval", page)
    assert "Calibration" not in page
    assert "source web" not in page  # a single source is no slice


def test_report_verdict_page_and_metrics_show_one_number_near_the_limit(bench, decide):
    teacher = headlines(bench, TEACHER, size=9_000_000)
    student = headlines(bench, SMALL, loss=0.1, baseline=teacher)
    against = student.read()["splits"]["test"]["against"]
    far = decide(student)["checks"][0]
    limit = far["bound"] + 2e-4  # nearer than 10,000 draws can tell
    task = bench.task("near")
    made = PairedBootstrap(retention=limit).run(reports=[student], champion=None, task=task)
    verdict = made.read()
    check = verdict["checks"][0]
    row = next(row for row in verdict["rows"] if row["chosen"])

    assert check["bound"] != far["bound"]  # more was drawn
    assert against["retention"].keys() == {"value", "low", "high"}
    assert student.summary.keys().isdisjoint({"kept_at_least"})
    assert {end: row["kept"][end] for end in ("value", "low", "high")} == against["retention"]
    assert row["kept"]["bound"] == check["bound"] == made.summary["kept"]["at_least"]
    assert student.summary["kept"] == round(made.summary["kept"]["value"], 4)
    number = figures.percent_beside(check["bound"], limit)
    page, markdown, _ = shown(verdict, [student, teacher])
    assert f"95 % lower bound {number}" in verdict["sentence"]
    assert check["written"]["bound"] == number
    assert all(number in text for text in (page, markdown))
    p = f"(paired Bayesian bootstrap: {figures.p_value(against['p'])})"
    assert escape(p) in page
    assert p in markdown


def test_the_p_value_of_a_page_is_that_of_the_report(bench, decide):
    teacher = headlines(bench, TEACHER)
    student = headlines(bench, SMALL, loss=0.002, baseline=teacher)
    content = student.read()
    content["splits"]["test"]["against"]["p"] = 0.123
    (student.path / "report.json").chmod(0o644)
    (student.path / "report.json").write_text(json.dumps(content))
    page, markdown, _ = shown(decide(student), [student, teacher])
    assert all("(paired Bayesian bootstrap: p = 0.123)" in text for text in (page, markdown))


def test_a_mean_score_that_drops_in_one_slice_is_refused(bench, decide):
    teacher = headlines(bench, TEACHER)
    student = headlines(bench, SMALL, french=0.1, baseline=teacher)
    verdict = decide(student, retention=0.9, slice_drop=0.05)
    assert verdict["sentence"].startswith(
        "refused: language fr drops by 10.0 points against the teacher (n = 200, corrected p < 0.001)"
    )


def test_a_trivial_baseline_with_as_good_a_score_is_a_warning(bench, decide):
    lead = {split: [{"overlap": 0.74, "sure": None}] * n for split, n in ROWS.items()}
    poor = {split: [{"overlap": 0.4, "sure": None}] * n for split, n in ROWS.items()}
    teacher = headlines(bench, TEACHER, trivial={"first words": lead, "random words": poor})
    verdict = decide(headlines(bench, SMALL, loss=0.1, baseline=teacher))
    assert len(verdict["warnings"]) == 1
    assert verdict["warnings"][0].startswith("warning: first words is as good (0.740 against 0.7")
    kept = {row["name"]: row["kept"]["value"] for row in verdict["rows"] if row["role"] == "trivial"}
    assert kept["random words"] == pytest.approx(0.4 / 0.75, abs=0.02)


def test_where_lower_is_better_a_small_rise_passes_and_differences_have_no_points(bench, decide):
    teacher = continuations(bench, TEACHER)
    student = continuations(bench, SMALL, more=0.02, baseline=teacher)
    champion = continuations(bench, CHAMPION, more=0.01, baseline=teacher)
    verdict = decide(student, champion=champion, champion_drop=0.7, retention=0.9, minimum={"perplexity": 9})
    assert re.match(
        r"passed: keeps 9[78]\.\d % of the teacher \(95 % lower bound 9\d\.\d % ≥ 90 %, n = 400\); "
        r"not worse than the champion by 0\.70 or more: perplexity \+0\.0\d \(95 % upper bound \+0\.\d\d, "
        r"n = 400\); perplexity 7\.\d\d; ",
        verdict["sentence"],
    )
    page, _, table = shown(verdict, [student, teacher, champion])
    assert "perplexity (95 % CI)" in table
    for expected in (
        "Perplexity +0.0",
        "change against the champion, at most",
        "perplexity, at most",
        "+0.70",
    ):
        assert expected in page
    assert "Lost: the teacher was better (8 of them)" in page  # nothing says how sure it is
    assert "points" not in page


def test_where_lower_is_better_a_large_rise_is_refused(bench, decide):
    teacher = continuations(bench, TEACHER)
    student = continuations(bench, SMALL, more=0.05, french=0.3, baseline=teacher)
    champion = continuations(bench, CHAMPION, baseline=teacher)
    verdict = decide(
        student, champion=champion, champion_drop=0.2, minimum={"perplexity": 7.5}, slice_drop=0.2
    )
    sentence = verdict["sentence"]
    assert sentence.startswith("refused: keeps 8")
    assert re.search(
        r"; perplexity \+1\.\d\d against the champion, only 0\.20 more is allowed \(95 % upper bound \+",
        sentence,
    )
    assert re.search(r"language fr rises by [23]\.\d\d against the teacher \(n = 200, corrected p", sentence)
    assert re.search(r"; perplexity [89]\.\d\d, [12]\.\d\d more than the 7\.5 allowed; ", sentence)
    assert decide(student, champion=champion, champion_drop=3, retention=0.7)["passed"]


def test_models_for_different_things_are_not_compared(bench, decide):
    first, second = headlines(bench, TEACHER), continuations(bench, "8" * 64)
    student = headlines(bench, SMALL, baseline=first)
    with pytest.raises(BadRequest, match="models for toy-continuations and toy-headlines; give the gate"):
        decide(student, second)
    with pytest.raises(
        BadRequest, match="the champion is for toy-continuations, the candidates for toy-head"
    ):
        decide(student, champion=second)
    with pytest.raises(BadRequest, match="models for text-classification and toy-headlines"):
        decide(student, quality_report(bench, "9" * 64, {split: [True] * n for split, n in ROWS.items()}))


def test_an_unknown_measure_or_limit_is_refused_with_the_nearest(bench, decide):
    student = headlines(bench, SMALL, baseline=headlines(bench, TEACHER))
    with pytest.raises(BadRequest, match="`minimum` names 'overlaps', .* Did you mean 'overlap'?"):
        decide(student, minimum={"overlaps": 0.5})
    with pytest.raises(
        BadRequest, match="`limits` names 'ece', which the report on hf does not have. Known: inv"
    ):
        decide(student, limits={"ece": 0.5})


def test_a_drop_in_points_is_refused_where_a_share_is_meant(bench, decide):
    student = headlines(bench, SMALL, baseline=headlines(bench, TEACHER))
    with pytest.raises(BadRequest, match="`champion_drop` is 2, but word overlap goes from 0 to 1"):
        decide(student, champion_drop=2)


def test_how_far_beyond_the_linear_model_has_the_measure_s_own_scale(bench, decide):
    student = continuations(bench, SMALL, baseline=continuations(bench, TEACHER))
    with pytest.raises(BadRequest, match=r"needs the linear model \(tf-idf \+ linear\), and the baseline's"):
        decide(student, over_linear=1.5)


def test_a_model_task_that_is_no_longer_installed_leaves_its_parts_out(bench, decide, installed):
    teacher = headlines(bench, TEACHER)
    student = headlines(bench, SMALL, loss=0.1, baseline=teacher)
    verdict = json.loads(json.dumps(decide(student)))
    del installed["toy-headlines"]
    page, markdown, table = shown(verdict, [student, teacher])
    assert "word overlap (95 % CI)" in table
    assert verdict["sentence"].removeprefix("passed: ") in page
    assert "word overlap kept of the teacher, at least" in page
    for part in ("Longest", "What changed", "Slices"):
        assert part not in page
    assert "Invented" not in markdown


def test_a_measure_that_the_baseline_names_decides_everywhere(bench, decide):
    lead = {split: [{"overlap": 0.4, "sure": None}] * n for split, n in ROWS.items()}
    teacher = headlines(bench, TEACHER, measure="brief", trivial={"first words": lead}, size=9_000_000)
    student = headlines(bench, SMALL, loss=0.02, baseline=teacher)
    verdict = decide(student, retention=0.8)
    assert verdict["measures"][0] == {"name": "brief", "title": "at least half"}
    assert verdict["checks"][0]["title"].startswith("at least half kept of the teacher")
    assert student.read()["measure"] == "brief"
    assert "brief" in student.read()["splits"]["test"]["slices"][0]
    first = next(row for row in verdict["rows"] if row["role"] == "trivial")
    assert first["kept"]["value"] == 0  # of overlap it would be half
    assert "(" in first["written"]["brief"]  # with its interval
    assert "(" not in first["written"]["overlap"]

    with pytest.raises(BadRequest, match="decided by brief and overlap; give `measure` to the baseline's"):
        decide(student, champion=headlines(bench, CHAMPION))
    with pytest.raises(BadRequest, match="measure: 'exact', but brief decides in the baseline's report"):
        headlines(bench, SMALL, measure="exact", baseline=teacher)
    with pytest.raises(BadRequest, match="measure: brevity is no sum over rows and can't decide; "):
        headlines(bench, TEACHER, measure="brevity")
