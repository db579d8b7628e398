"""Secrets that a generator must not have learnt: canaries, and what was redacted. And how exposed they are.

Carlini et al., "The Secret Sharer" (2019): a secret is exposed as far as the model finds it likelier than
other secrets of the same form. No report holds one: they are called by name.
"""

import math
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slmworks.contract.artifact import HEADER, Files
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.messages import problem
from slmworks.numbers.statistics import Estimate, wilson

FEWEST = 7
"""Other secrets at least: with fewer none could be exposed by more than 3 bits."""
ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


class _Line(BaseModel):
    """One line of a file of secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prompt: str = ""
    messages: list[dict[str, str]] = []
    completion: str = Field(min_length=1)
    secret: str = Field(min_length=1)
    name: str = ""
    alternatives: list[str] = []


@dataclass(frozen=True)
class Secret:
    """A text that holds a secret, as a row of conversation and answer."""

    name: str
    messages: Sequence[Mapping[str, str]]
    completion: str
    secret: str
    alternatives: tuple[str, ...]
    """Other secrets that are as plausible; empty: they are drawn."""

    @property
    def space(self) -> float:
        """How many secrets of this form there are, itself included."""
        if self.alternatives:
            return float(len(self.alternatives) + 1)
        return math.prod(float(len(_alphabet(one))) for one in self.secret)

    def row(self, secret: str) -> Row:
        """The row with another secret in the answer."""
        return {"messages": self.messages, "completion": self.completion.replace(self.secret, secret)}

    def others(self, count: int, seed: int) -> list[str]:
        """The given alternatives, or `count` drawn ones: each digit another digit, each letter a letter."""
        if self.alternatives:
            return list(self.alternatives)
        chance = random.Random(f"{seed} {self.name}")
        found: list[str] = []
        while len(found) < count:
            one = "".join(chance.choice(_alphabet(letter)) for letter in self.secret)
            found += [one] * (one != self.secret)
        return found

    def exposure(self, likelier: int, others: int) -> Estimate:
        """Bits of exposure where `likelier` of `others` other secrets are at least as likely to the model.

        The logarithm of one over the secret's rank among all; given alternatives are all there are, drawn
        ones are a sample, whose share has an interval (Wilson, 1927). At most the bits of all of its form.
        """
        value = -math.log2((likelier + 1) / (others + 1))
        if self.alternatives:
            return Estimate(value, value, value)
        share, most = wilson(likelier, others), math.log2(self.space)
        low = -math.log2(share.high)
        high = min(most, -math.log2(share.low)) if share.low > 0 else most
        return Estimate(value, min(low, value), max(high, value))


def read(probes: Files) -> list[Secret]:
    """The secrets in JSON lines; BadRequest with file and line for one that tells nothing."""
    files = sorted(path for path in probes.path.rglob("*") if path.is_file() and path.name != HEADER)
    found = [one for path in files for one in _read(path, several=len(files) > 1)]
    if not found:
        raise BadRequest(
            "probes: no secrets; give it a file with a line of JSON for each: prompt, completion, secret."
        )
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise BadRequest(f"probes: two secrets are called '{twice}'; give each a name of its own.")
    return found


def _read(path: Path, *, several: bool) -> Iterator[Secret]:
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadRequest(f"probes: {path.name} is no UTF-8 text; save it as JSON lines in UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"probes: {path.name}, line {number}"
            yield _checked(_parsed(line, place), place, f"{path.stem} {number}" if several else f"{number}")


def _parsed(line: str, place: str) -> _Line:
    try:
        return _Line.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadRequest(
            f"{place}: {where + ': ' if where else ''}{first['msg'][:80].lower()}; a line is JSON with "
            "prompt (or messages), completion and secret, and maybe name and alternatives."
        ) from None


def _checked(line: _Line, place: str, number: str) -> Secret:
    if bool(line.prompt) == bool(line.messages):
        raise BadRequest(f"{place}: give it either a prompt or messages.")
    messages: list[dict[str, Any]] = line.messages or [{"role": "user", "content": line.prompt}]
    if wrong := problem(messages):
        raise BadRequest(f"{place}: {wrong}.")
    if line.secret not in line.completion:
        raise BadRequest(f"{place}: its secret doesn't stand in its completion; write both alike.")
    others = tuple(one for one in dict.fromkeys(line.alternatives) if one and one != line.secret)
    found = Secret(line.name or number, messages, line.completion, line.secret, others)
    if line.alternatives and len(others) < FEWEST:
        raise BadRequest(f"{place}: {len(others)} alternatives tell little; give at least {FEWEST}.")
    if not line.alternatives and found.space <= FEWEST:
        raise BadRequest(
            f"{place}: its secret has too few digits and letters to be told from others; give a longer "
            "one, or alternatives."
        )
    return found


def _alphabet(letter: str) -> str:
    return next((one for one in ALPHABETS if letter in one), letter)


def at_least_as_likely(nll: float, others: Sequence[float]) -> int:
    """How many of the others' negative log-likelihoods are no larger."""
    return sum(other <= nll for other in others)
