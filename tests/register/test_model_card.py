"""The card of a release: Hugging Face's form, licences as sources state them, and what it means for the digests."""

import dataclasses
import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from judged import first, quality_report
from releases import BY, approve, commit, verdict_on, word_counter
from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Model, Verdict
from slmworks.contract.errors import BadRequest
from slmworks.contract.linear_model import LINEAR
from slmworks.contract.options import OptionError, configure
from slmworks.evaluate.safety_report import write
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.register.release import MlflowRelease
from slmworks.registry.log import Registry
from slmworks.registry.release import CARD, approved_release
from slmworks.store import Store, open_store
from slmworks.testing import Bench
from stories import Story

WORDS = {
    "licence": "Apache-2.0",
    "intended_use": "Sorting our own reviews <by tone>.",
    "limits": "English | only",
    "language": ["en"],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, few_draws: None) -> tuple[Bench, Model, Verdict]:
    """A model, and the gate's verdict on it with a linear model beside it."""
    folder = tmp_path_factory.mktemp("judged")
    bench, splits = Bench(folder), {"validation": 200, "test": 300}
    model = bench.keep(word_counter(folder / "model"))
    shares = {split: first(n, round(0.9 * n)) for split, n in splits.items()}
    linear = {LINEAR: {split: first(n, round(0.6 * n)) for split, n in splits.items()}}
    teacher = quality_report(bench, "1" * 64, shares, trivial=linear)
    report = quality_report(bench, model.digest, shares, name="int8|static", baseline=teacher)
    return bench, model, bench.keep(PairedBootstrap().run(reports=[report], task=bench.task("gate")))


class Registering:
    """The register step on one model, as often as wanted."""

    def __init__(self, store: Store, folder: Path, judged: tuple[Bench, Model, Verdict]) -> None:
        known, self.model, self.verdict = judged
        self.store, self.bench, self.number = store, Bench(folder, known=dict(known.known)), 0

    def __call__(self, verdict: Verdict | None = None, **options: object) -> Artifact:
        self.number += 1
        task = self.bench.release_task(f"register-{self.number}", self.store)
        step = configure(MlflowRelease, "mlflow", {"name": "reviews", **options})
        return commit(self.store, step.run(verdict=verdict or self.verdict, task=task))


@pytest.fixture
def registering(store: Store, tmp_path: Path, judged: tuple[Bench, Model, Verdict]) -> Registering:
    return Registering(store, tmp_path / "bench", judged)


def test_hugging_faces_parser_reads_it(registering: Registering) -> None:
    card = ModelCard.load(registering(card=WORDS).path / CARD)
    assert (card.data.license, card.data.language) == ("apache-2.0", ["en"])
    assert (card.data.pipeline_tag, card.data.model_name) == ("text-classification", "reviews")
    measured = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert measured["accuracy"] == 0.9
    assert {one.dataset_split for one in card.data.eval_results} == {"test"}
    text = card.content
    for said in (
        "## Intended use\n\nSorting our own reviews &lt;by tone&gt;.",
        "## Limits\n\nEnglish \\| only",
        "## Out of scope\n\nNot declared.",
        "| Weights | nothing says where they come from |  |",
        "accuracy against tf-idf + linear: +30.0 (+2",
        f"`sha256:{registering.model.digest}`",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("licence", "front"),
    [
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        ("Our terms, 2026", {"license": "other", "license_name": "our-terms-2026"}),
        (None, {"license": None}),
    ],
)
def test_a_licence_is_one_of_the_hubs_words_or_other(registering: Registering, licence, front) -> None:
    card = ModelCard.load(registering(card={"licence": licence} if licence else {}).path / CARD)
    assert {key: getattr(card.data, key, None) for key in front} == front


def test_a_gate_that_says_only_that_it_passed_gives_a_card_without_measures(
    registering: Registering, tmp_path: Path
) -> None:
    card = ModelCard.load(registering(verdict_on(registering.model, tmp_path / "v")).path / CARD)
    assert card.data.eval_results is None
    assert "## Measures" not in card.content


def test_the_card_is_no_part_of_what_is_judged_and_declared_words_are_part_of_what_is_approved(
    registering: Registering, store: Store, tmp_path: Path
) -> None:
    first_one = registering(card=WORDS)
    approve(store)
    served = approved_release(Registry(store), "reviews")
    assert served.entry.model_digest == registering.model.digest
    # another verdict on the same model in the same words: the version stays, and its card with it
    again = registering(verdict_on(registering.model, tmp_path / "v"), card=WORDS)
    assert (again.digest, again.meta["version"]) == (first_one.digest, 1)
    # other words: the same model, and a version that nobody has approved
    changed = registering(card=WORDS | {"intended_use": "Anything."})
    assert changed.meta["model_digest"] == registering.model.digest
    assert changed.meta["version"] == 2
    assert Registry(store).state("reviews").version(2).status == "candidate"
    assert (
        json.loads((changed.path / "MLmodel").read_text())["metadata"]["card"]["intended_use"] == "Anything."
    )


def test_a_lost_release_comes_out_the_same_with_its_card(registering: Registering, store: Store) -> None:
    import shutil

    made = registering(card=WORDS)
    shutil.rmtree(made.path)
    assert registering(card=WORDS).digest == made.digest


def test_the_terms_of_sources_are_on_the_card(store: Store, tmp_path: Path) -> None:
    story = Story(store, tmp_path / "work").tell(file="data.csv")
    entry = Registry(store).state("reviews").version(1).registered
    text = (store.folder(entry.release) / CARD).read_text()
    assert story.made["raw"].digest
    assert "| Data: data.csv | not declared |  |" in text


@pytest.mark.parametrize(
    ("card", "line"),
    [
        ({"license": "mit"}, "card: license: no such key. Did you mean 'licence'?"),
        ({"licence": ""}, "card: licence: string should have at least 1 character"),
        ({"limits": "x" * 801}, "card: limits: string should have at most 800 characters"),
        ({"limits": " "}, "card: limits: says nothing; write it, or leave it out"),
        ({"language": "en"}, "a list is written in brackets: [en]"),
        ({"language": ["English"]}, "card: language.0: string should match pattern"),
    ],
)
def test_mistakes_in_a_card_are_one_line(card: dict[str, object], line: str) -> None:
    with pytest.raises(OptionError) as error:
        configure(MlflowRelease, "mlflow", {"name": "reviews", "card": card})
    assert line in str(error.value)


# --- the example ------------------------------------------------------------------------------------


def test_the_example_is_the_harmless_row_unless_the_recipe_declares_another(registering: Registering) -> None:
    plain, own = registering(), registering(example={"text": "the kettle arrived broken"})
    shown = [json.loads((one.path / "input_example.json").read_text())["data"][0][0] for one in (plain, own)]
    assert shown == ["I would buy this again without thinking twice.", "the kettle arrived broken"]
    assert (plain.meta["version"], own.meta["version"]) == (1, 2)
    assert 'DataFrame([{"text": "the kettle arrived broken"}])' in (own.path / CARD).read_text()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"example": {"txt": "x"}}, "'txt' is no input of text-classification .* Did you mean 'text'"),
        ({"example": {"text": 3}}, "text-classification takes {text: str}; give `text` such a value"),
        ({"example": {"text": ""}}, "text-classification takes {text: str}; give `text` such a value"),
        ({"example": {}}, "text-classification takes {text: str}; give `text` such a value"),
        ({"example": {"text": "x"}, "example_row": "validation-1"}, "`example` or `example_row`, not both"),
        ({"example_row": "validation-1"}, "needs the data that the model was judged on"),
    ],
)
def test_an_example_that_cannot_be_shipped_is_refused(registering: Registering, options, line) -> None:
    with pytest.raises(BadRequest, match=line):
        registering(**options)
    assert "reviews" not in Registry(registering.store).names()


def test_a_row_is_named_by_its_id_and_comes_as_it_was_curated(registering: Registering, tiny_reviews) -> None:
    registering.bench.known["d" * 64] = dataclasses.replace(tiny_reviews, digest="d" * 64)
    ids, texts = tiny_reviews.columns("validation", "id", "text")
    made = registering(example_row=ids[3])
    assert json.loads((made.path / "input_example.json").read_text())["data"] == [[texts[3]]]
    with pytest.raises(BadRequest, match="no row 'validation-999' in the split validation"):
        registering(example_row="validation-999")
    with pytest.raises(
        BadRequest, match="no row 'test-1' in the split validation"
    ):  # nor one of another split
        registering(example_row="test-1")


def test_the_row_is_of_the_data_of_the_quality_report_whatever_was_judged_beside_it(
    registering: Registering, tiny_reviews
) -> None:
    registering.bench.known["d" * 64] = dataclasses.replace(tiny_reviews, digest="d" * 64)
    view = registering.bench.keep(
        write(
            registering.bench.task("safety").output, "memorization", purpose=catalog.model_task("text-classification"),
            model=registering.model, data=dataclasses.replace(tiny_reviews, digest="e" * 64),
            limits={}, details={}, refs={},
        )
    )  # fmt: skip
    refs = registering.verdict.refs
    role = next(role for role in refs if role.startswith("report"))
    beside = {key: digest for key, digest in refs.items() if not key.startswith("report")}
    verdict = dataclasses.replace(
        registering.verdict, refs={**beside, "report.0": view.digest, "report.10": refs[role]}
    )
    ids, texts = tiny_reviews.columns("validation", "id", "text")
    made = registering(verdict, example_row=ids[3])
    assert json.loads((made.path / "input_example.json").read_text())["data"] == [[texts[3]]]


def test_who_approves_approves_the_declared_words(registering: Registering, store: Store) -> None:
    registering(card=WORDS, example={"text": "broken"})
    Registry(store).approve("reviews", 1, **BY, why="good")
    path = approved_release(Registry(store), "reviews").folder / "MLmodel"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("Apache-2.0", "CC0-1.0"))
    with pytest.raises(BadRequest, match="v1's wrapper is .*, the approval names"):
        approved_release(Registry(store), "reviews")
