"""Drafts of GGUF models: the text stays, guesses hold, and what can't guess is refused before it is loaded."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_generator import ROWS
from toys import limited, rewritten

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.generation import Settings, Slots
from slmworks.contract.runtime import open_runtime
from slmworks.testing import Bench, sealed
from slmworks_gguf import draft_proof
from slmworks_gguf.quantize import QuantizeGguf
from slmworks_gguf.runtime import GgufRuntime

TOKENS = "tokenizer.ggml.tokens"


@pytest.fixture(scope="module")
def model(llama_gguf: Model) -> Model:
    return limited(llama_gguf, 24)


@pytest.fixture(scope="module")
def draft(llama_gguf: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model in 8 bits, so nearly all that it guesses is right."""
    task = Bench(tmp_path_factory.mktemp("draft")).task("quantize")
    return sealed(QuantizeGguf(type="q8_0").run(model=llama_gguf, calibration=None, task=task))


def test_with_a_draft_the_text_is_the_same_and_most_guesses_hold(model: Model, draft: Model) -> None:
    proof = GgufRuntime.prove_draft(model, draft, ROWS, threads=1)
    assert (proof.rows, proof.equal, proof.widest_tie) == (len(ROWS), len(ROWS), 0.0)
    assert proof.guessed > 0
    assert proof.acceptance > 0.9
    assert proof.speedup > 0


def test_a_text_that_another_model_wrote_is_refused(model: Model, draft: Model) -> None:
    class Astray(GgufRuntime):
        """With a draft it answers another row."""

        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.astray = "draft" in options

        def complete(self, row: Any, ids: Any, most: int, **more: Any) -> dict[str, Any]:
            asked = self.encode(ROWS[3]) if self.astray else ids
            return super().complete(row, asked, most, **more)

    line = r"row 2 of 2 is another text with it, and where they part .* nats likelier, which no rounding explains"
    with pytest.raises(TaskFailed, match=line):
        Astray.prove_draft(model, draft, [ROWS[3], ROWS[0]], threads=1)


def token(number: int, *others: tuple[int, float]) -> dict[str, Any]:
    return {"id": number, "top_logprobs": [{"id": one, "logprob": value} for one, value in others]}


@pytest.mark.parametrize(
    ("theirs", "gap"),
    [([5, 7], 0.0), ([5, 8], 0.25), ([5, 9], float("inf")), ([6, 7], 1.5)],
    ids=["equal", "near", "none of the likeliest", "the first"],
)
def test_where_two_texts_part_the_tokens_odds_are_compared(theirs: list[int], gap: float) -> None:
    plain = [token(5, (5, -0.5), (6, -2.0)), token(7, (7, -0.75), (8, -1.0))]
    assert draft_proof._gap(plain, [token(one) for one in theirs]) == gap


def test_slots_share_a_draft(model: Model, draft: Model) -> None:
    plain, drafted = (
        open_runtime(model, threads=1, model_task="text-generation", slots=Slots(2, 256, draft=one))
        for one in (None, draft)
    )
    for row in ROWS[:3]:
        said = [
            one.stream(one.prepare(row, Settings(max_tokens=12)), lambda _piece: False)  # type: ignore[attr-defined]
            for one in (plain, drafted)
        ]
        assert said[0].answer == said[1].answer


# --- what can't guess -----------------------------------------------------------------------------------


def renamed(said: dict[str, Any]) -> None:
    said[TOKENS] = [*said[TOKENS][:300], "other", *said[TOKENS][301:]]


def cut(said: dict[str, Any]) -> None:
    said[TOKENS] = said[TOKENS][:200]


def begun(said: dict[str, Any]) -> None:
    said["tokenizer.ggml.add_bos_token"] = True


def encoder(said: dict[str, Any]) -> None:
    said["llama.attention.causal"] = False


def words(said: dict[str, Any]) -> None:
    said["tokenizer.ggml.model"] = "bert"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (renamed, "its token 300 is 'other', and the model's '.*`vocabulary: keep`"),
        (cut, "it has 200 tokens and the model 400, and a cut vocabulary has other ids.*`vocabulary: keep`"),
        (begun, r"add_bos_token and bos_token_id are \(True, 1\), and the model's \(False, None\)"),
        (encoder, r"it is an encoder \(llama\), which writes no tokens"),
        (words, "its tokenizer is of the kind 'bert', and the model's 'gpt2'"),
    ],
)
def test_a_model_with_other_tokens_is_refused(
    change: Callable[[dict[str, Any]], None], line: str, model: Model, draft: Model, tmp_path: Path
) -> None:
    rewritten(draft.path / "model.gguf", tmp_path / "model.gguf", change)
    with pytest.raises(BadRequest, match=line):
        GgufRuntime.require_draft(model, replace(draft, path=tmp_path))


def test_special_tokens_may_have_other_names(model: Model, draft: Model, tmp_path: Path) -> None:
    def change(said: dict[str, Any]) -> None:
        said[TOKENS] = ["<none>", *said[TOKENS][1:]]

    rewritten(draft.path / "model.gguf", tmp_path / "model.gguf", change)
    GgufRuntime.require_draft(model, replace(draft, path=tmp_path))


def test_a_draft_is_the_smaller_file_and_of_the_same_format(model: Model, draft: Model, llama: Model) -> None:
    with pytest.raises(BadRequest, match=r"a draft pays by being smaller: distil one of a few layers"):
        GgufRuntime.require_draft(draft, model)
    with pytest.raises(BadRequest, match="a model of format 'hf'; write it as GGUF first"):
        GgufRuntime.require_draft(model, llama)


@pytest.mark.parametrize("change", [renamed, begun])
def test_llama_cpp_itself_would_leave_such_a_draft_out_without_a_word(
    change: Callable[[dict[str, Any]], None], model: Model, draft: Model, tmp_path: Path
) -> None:
    rewritten(draft.path / "model.gguf", tmp_path / "model.gguf", change)
    found = GgufRuntime(model.path, draft=tmp_path)
    ids = found.encode(ROWS[0])
    assert "draft_n" not in found.complete(ROWS[0], ids, 12)["timings"]
    shutil.copy(draft.path / "model.gguf", tmp_path / "model.gguf")
    assert GgufRuntime(model.path, draft=tmp_path).complete(ROWS[0], ids, 12)["timings"]["draft_n"] > 0
