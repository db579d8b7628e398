"""Answers of a torch generator with settings of their own, batch by batch, for those who learn from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings, TooLong
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import length_batches
from slmworks.model_tasks.text_generation import prompt
from slmworks.model_tasks.text_generation.asking import Asked
from slmworks.model_tasks.text_generation.hf_draws import Draw, drawn

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator

ROWS = 16
"""Rows of a batch: a kill loses those of one batch at most."""


@dataclass(frozen=True)
class _Writing:
    """A row that can be answered."""

    place: int
    asked: Asked
    most: int
    settings: Settings

    @property
    def ids(self) -> list[int]:
        """Token ids of its prompt."""
        return self.asked.ids


def write(
    generator: "HfGenerator",
    asked: Sequence[tuple[Row, Settings]],
    take: Callable[[int, Generated | BadRequest], None],
) -> None:
    """Answer rows as `Writing` says, prompts of similar length together."""
    sound: list[_Writing] = []
    for place, (row, settings) in enumerate(asked):
        try:
            one = _prepared(generator, place, row, settings)
        except BadRequest as error:
            take(place, error)
            continue
        if one.asked.abstention:
            take(place, _abstained(one.asked))
        else:
            sound.append(one)
    for numbers in length_batches([len(one.ids) for one in sound], ROWS):
        for batch in _fitting([sound[number] for number in numbers], generator.context):
            answers = drawn(
                generator.module,
                [_draw(generator, one) for one in batch],
                ends=generator.ends,
                pad=generator.pad,
            )
            for one, tokens in zip(batch, answers, strict=True):
                take(one.place, _generated(generator, one, tokens))


def _prepared(generator: "HfGenerator", place: int, row: Row, settings: Settings) -> _Writing:
    """BadRequest for settings that transformers can't follow, and for a prompt that leaves no room."""
    if settings.schema:
        raise BadRequest(
            "schema: transformers holds no answer to one; export the teacher (stage: export, uses: gguf)."
        )
    if settings.frequency_penalty or settings.presence_penalty or settings.logprobs is not None:
        raise BadRequest(
            "penalties and logprobs are not known to a teacher of format 'hf'; export it (uses: gguf)."
        )
    asked = generator.asked(row)
    try:
        most = prompt.room(len(asked.ids), generator.context, settings.max_tokens or generator.most)
    except BadRequest as error:
        raise TooLong(str(error)) if asked.ids else error from None
    return _Writing(place, asked, most, settings)


def _fitting(batch: Sequence[_Writing], context: int) -> Iterator[list[_Writing]]:
    """The batch, in parts where a row would be filled up beyond the positions that there are."""
    longest, most = max(len(one.ids) for one in batch), max(one.most for one in batch)
    if not context or longest + most <= context:
        yield list(batch)
        return
    for size in sorted({one.most for one in batch}):
        yield [one for one in batch if one.most == size]


def _draw(generator: "HfGenerator", one: _Writing) -> Draw:
    said = one.settings
    ended = partial(_stopped, generator, said.stop) if said.stop else None
    return Draw(one.ids, one.most, said.temperature, said.top_p, said.seed, ended)


def _stopped(generator: "HfGenerator", stop: Sequence[str], tokens: Sequence[int]) -> bool:
    text = generator.text(tokens)
    return any(one in text for one in stop)


def _generated(generator: "HfGenerator", one: _Writing, tokens: Sequence[int]) -> Generated:
    text = generator.text(tokens)
    answer = {**prompt.answer(text, tokens, generator.ends), **one.asked.said}
    cut = min((place for place in map(text.find, one.settings.stop) if place >= 0), default=-1)
    if cut >= 0:
        answer = {**answer, "text": text[:cut], "finish": "stop"}
    return Generated(
        answer=answer,
        finish=str(answer["finish"]),
        tokens=len(tokens),
        prompt_tokens=len(one.ids),
        cached_tokens=0,
    )


def _abstained(asked: Asked) -> Generated:
    return Generated(asked.abstained(), "stop", tokens=0, prompt_tokens=len(asked.ids), cached_tokens=0)
