"""Answers: SQuAD's counts, the best run of words, and questions without an answer."""

import numpy as np
import pytest
from tokenizers import Tokenizer

from conftest import write_tokenizer
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.onnx_text import open_tokenizer
from slmworks.model_tasks.question_answering import measures, trivial
from slmworks.model_tasks.question_answering.reader import Best, Pairs, answer_of, answers, best_of
from slmworks.model_tasks.question_answering.task import QuestionAnswering
from slmworks.model_tasks.word_windows import windows_of, words_in, words_of

TASK = QuestionAnswering()


def row(*texts: str) -> dict[str, object]:
    return {"question": "Who?", "answers": [{"text": text, "start": 0} for text in texts]}


@pytest.mark.parametrize(
    ("truth", "said", "exact", "f1"),
    [
        (("The Norse",), "norse!", 1, 1),
        (("10th century", "the first half of the 10th century"), "first half of 10th century", 1, 1),
        (("first half of the 10th century",), "10th century", 0, 4 / 7),
        (("Denmark",), "Iceland", 0, 0),
        (("a",), "", 1, 1),  # nothing but an article is nothing, as in the script
        ((), "", 1, 1),
        ((), "Denmark", 0, 0),
    ],
)
def test_answers_are_counted_as_squad_counts_them(truth, said, exact, f1) -> None:
    answer = {"answer": said}
    assert measures.exact(row(*truth), answer) == (exact, 1)
    assert measures.f1(row(*truth), answer) == (pytest.approx(f1), 1)


def test_outcomes_tell_silence_from_invention() -> None:
    rows = [row("Oslo"), row("Oslo in May"), row("Oslo"), row("Oslo"), row()]
    said = [{"answer": text} for text in ("oslo", "Oslo", "Rome", "", "Rome")]
    assert measures.outcomes(rows, said) == {
        "right": 1, "part": 1, "elsewhere": 1, "silent": 1, "invented": 1,
    }  # fmt: skip


def test_the_best_run_of_words_is_in_order_and_not_too_long() -> None:
    words = words_of("ada met bo in oslo")
    own = [(word, word + 3, word + 3) for word in range(5)]
    logits = np.zeros((9, 2), np.float32)
    logits[5, 0], logits[7, 1] = 4, 4  # from "bo" to "oslo"
    logits[8 - 1, 0] = 5  # a start behind every end but its own
    logits[3, 1] = 6  # an end before every start but its own
    best = best_of(words, own, logits)
    assert best is not None
    assert (best.start, best.end) == (17 - 3, 18) or (best.start, best.end) == (14, 18)
    assert 0 < best.score < 1
    assert best_of(words, [], logits) is None


def test_no_answer_is_an_answer_only_where_there_may_be_none() -> None:
    less = Best(odds=-1.0, start=0, end=3, score=0.2, none=0.6)
    assert answer_of("ada met", [less], unanswerable=False)["answer"] == "ada"
    assert answer_of("ada met", [less], unanswerable=True) == {
        "answer": "",
        "start": 0,
        "end": 0,
        "score": 0.6,
    }
    assert answer_of("", [None], unanswerable=False) == {"answer": "", "start": 0, "end": 0, "score": 0.0}


def test_the_answer_is_found_in_whatever_window_it_is(tmp_path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = open_tokenizer(tmp_path, 32)
    pairs = Pairs(tokenizer, 32)
    camera = tokenizer.token_to_id("camera")
    context = "great " * 60 + "camera " + "great " * 30
    rows = [
        {"question": "the lamp", "context": context},
        {"question": "lamp " * 100, "context": context},
        {"question": "", "context": "camera"},
    ]

    def compute(batch):
        return np.repeat((batch["input_ids"] == camera)[:, :, None] * 9.0, 2, axis=2).astype(np.float32)

    encoded = pairs.encode(rows)
    assert len(windows_of(encoded[0])) > 4
    assert max(len(window.ids) for one in encoded for window in windows_of(one)) <= 32
    found = answers(rows, encoded, compute, unanswerable=False)
    assert [one["answer"] for one in found] == ["camera"] * 3
    assert found[0]["start"] == context.index("camera")


def test_only_words_of_the_context_can_be_answers(tmp_path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    encoded = tokenizer.encode("the lamp", "is great")
    assert [word for word, _, _ in words_in(words_of("is great"), encoded, part=1)] == [0, 1]
    first = next(words_in(words_of("is great"), encoded, part=1))[1]
    assert encoded.tokens[first] == "is"


def test_rows_without_an_answer_are_refused_where_the_data_do_not_allow_them(tmp_path) -> None:
    data = Dataset(path=tmp_path, meta={"task": TASK.name, "unanswerable": False})
    with pytest.raises(BadRequest, match="'test' has 1 rows without an answer; curate it again"):
        TASK.check(data, "test", [row("Oslo"), row()])
    TASK.check(Dataset(path=tmp_path, meta={"task": TASK.name, "unanswerable": True}), "test", [row()])


def test_the_nearest_sentence_shares_the_questions_rarest_words() -> None:
    weights = {"the": 0.1, "lamp": 2.0, "kettle": 2.0, "is": 0.1}
    said = trivial._nearest("Where is the lamp?", "The kettle is here. The lamp is there.", weights, 3.0)
    assert said == {"answer": "The lamp is there.", "start": 20, "end": 38}


def test_it_is_told_apart_by_the_word_that_asks() -> None:
    assert TASK.slices({"source": "a", "question": "In which year?"}) == {"source": "a", "asked": "which"}
    assert all(measure.is_share for measure in TASK.measures)
    assert TASK.brief({"answer": ""}) == TASK.truth(row()) == "no answer"
    assert TASK.truth(row("Oslo", "Oslo", "in Oslo")) == "Oslo / in Oslo"
