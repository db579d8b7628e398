"""Tags, entities and their counts."""

import numpy as np
import pytest

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.token_classification import measures, trivial
from slmworks.model_tasks.token_classification.tags import glued, runs_of, tagged, tags_of, word_tags
from slmworks.model_tasks.token_classification.task import TokenClassification
from slmworks.model_tasks.word_windows import Place, words_of

TASK = TokenClassification()
TEXT = "Ada Lovelace met Charles in London"
ENTITIES = [
    {"start": 0, "end": 12, "label": "PERSON"},
    {"start": 17, "end": 24, "label": "PERSON"},
    {"start": 28, "end": 34, "label": "PLACE"},
]
ROW = {"text": TEXT, "entities": ENTITIES}


def test_entities_become_tags_and_tags_entities() -> None:
    words = words_of(TEXT)
    tags = word_tags(words, ENTITIES)
    assert tags == ["B-PERSON", "I-PERSON", "O", "B-PERSON", "O", "B-PLACE"]
    spans = [(words[first][0], words[last][1], label) for label, first, last in runs_of(tags)]
    assert set(spans) == measures.keys(ENTITIES)
    assert tags_of(["A"]) == ["O", "B-A", "I-A"]


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (["I-A", "I-A", "O"], [("A", 0, 1)]),
        (["B-A", "B-A"], [("A", 0, 0), ("A", 1, 1)]),
        (["B-A", "I-B", "I-B"], [("A", 0, 0), ("B", 1, 2)]),
        (["B-A", None, "I-A", "O", None], [("A", 0, 2)]),
        (["O", "O"], []),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tags, wanted) -> None:
    assert runs_of(tags) == wanted


def test_a_word_without_a_token_goes_with_the_word_that_it_touches() -> None:
    words, tags = [(0, 3), (3, 4), (5, 6)], tags_of(["A"])
    places = [Place(0, 1, 1), None, None]
    assert glued(words, places) == [False, True, False]
    assert tagged(words, places, [1, 0, 0], tags) == [("A", 0, 1)]


def test_an_entity_is_right_if_label_and_both_ends_are() -> None:
    said = [
        {"start": 0, "end": 12, "label": "PERSON"},
        {"start": 17, "end": 24, "label": "PLACE"},
        {"start": 25, "end": 34, "label": "PLACE"},
        {"start": 13, "end": 16, "label": "PLACE"},
    ]
    answer = {"entities": said}
    assert measures.spans(ROW, answer) == (1, 3, 2)
    assert [measure.over([ROW], [answer]) for measure in TASK.measures] == pytest.approx(
        [2 / 7, 0.25, 1 / 3, 2 / 6]
    )
    assert measures.errors([ROW], [answer]) == {"label": 1, "ends": 1, "missed": 0, "invented": 1}
    assert measures.by_label([ROW], [answer], ["PERSON", "PLACE"])[0] == {
        "label": "PERSON", "precision": 1.0, "recall": 0.5, "f1": 0.666667, "support": 2,
    }  # fmt: skip


def test_f1_is_that_of_seqeval_over_many_sentences() -> None:
    # seqeval 1.2.2: f1_score([["B-A", "I-A", "O", "B-B"], ["O", "B-A"]], [["B-A", "O", "O", "B-B"], ["I-A", "B-A"]])
    rows = [(["B-A", "I-A", "O", "B-B"], ["B-A", "O", "O", "B-B"]), (["O", "B-A"], ["I-A", "B-A"])]

    def entities(tags):
        return {
            "entities": [
                {"start": first, "end": last + 1, "label": label} for label, first, last in runs_of(tags)
            ]
        }

    counts = np.sum([measures.spans(entities(truth), entities(said)) for truth, said in rows], axis=0)
    assert measures.f1(counts) == pytest.approx(0.5714285714285714)


def test_every_measure_is_a_share_and_nothing_found_is_zero() -> None:
    nothing = {"entities": []}
    assert all(measure.is_share for measure in TASK.measures)
    assert TASK.measures[0].over([{"text": "a b", "entities": []}], [nothing]) == 0
    assert TASK.agreement(nothing, nothing) == 1
    assert TASK.brief(nothing) == "no entities"
    assert TASK.truth(ROW) == "Ada Lovelace PERSON, Charles PERSON, London PLACE"


def test_a_label_that_the_data_does_not_list_is_refused(tmp_path) -> None:
    data = Dataset(path=tmp_path, meta={"task": "token-classification", "labels": ["PERSON"]})
    with pytest.raises(BadRequest, match="'test' has the label 'PLACE', which is not among its labels"):
        TASK.check(data, "test", [ROW])


def test_baselines_learn_words_and_what_is_beside_them() -> None:
    sentences = [
        (["met", name, "in", place], ["O", "B-PERSON", "O", "B-PLACE"])
        for name in ("Ada", "Alan", "Grace")
        for place in ("London", "Oslo", "Rome")
    ]
    asked = [["met", "Barbara", "in", "London"]]
    assert trivial.MostFrequentTag(sentences).tag(asked) == [["O", "O", "O", "B-PLACE"]]
    assert trivial.LinearTagger(sentences, seed=0).tag(asked) == [["O", "B-PERSON", "O", "B-PLACE"]]


def test_companions_say_what_a_runtime_needs(tmp_path) -> None:
    model = Model(path=tmp_path, meta={"labels": ["A"], "max_length": 16})
    assert TASK.companions(model) == {"tags.json": '{\n "labels": [\n  "A"\n ],\n "max_length": 16\n}\n'}
