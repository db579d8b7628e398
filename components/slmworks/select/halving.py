"""Successive halving: the better half of the candidates goes on, the others are stopped."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import ceil
from typing import Annotated, Any, ClassVar, NoReturn, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator

from slmworks.contract.artifact import Report, Selection
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.numbers import figures, statistics
from slmworks.select import Select
from slmworks.select.candidates import SPLIT, Among, Ranked, ranked

__all__ = ["Halving"]

CLOSE = 0.05
"""A chance above this is said: the rows do not tell the candidate from the first one."""


class Halving(Select):
    """Let the best on validation go on (successive halving: Jamieson & Talwalkar, 2016; Karnin et al., 2013).

    By the measure that decides in the reports; of equally good ones the smaller goes first, and at least one
    goes on. For each one that is stopped it says at most how often that hits the truly best of all (subset
    selection: Gupta, 1965; Bayesian bootstrap over rows, paired across all candidates: Rubin, 1981). Not
    marked deterministic: with `budget` measured times count.
    """

    light: ClassVar = True
    runs_models: ClassVar = True  # a model task's measures rank, so their code is part of the identity

    keep: PositiveFloat = 0.5
    """How many go on: a number of candidates, or a share of them, rounded up."""
    margin: NonNegativeFloat | None = None
    """Candidates that come this near to the best (0.02: two points) count as equally good, and the smaller
    goes first. Without it, the least compressed one mostly wins."""
    among: Among = "all"
    """Whom a candidate is compared with: `all`, or those that are `no-larger` on disk (by 2 %), for a
    gate that takes the smallest that keeps enough. Then the best of each size goes first."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Stop a candidate only if that hits the truly best one at most this often (0.05): more than `keep`
    may go on."""
    budget: PositiveFloat | None = None
    """CPU-minutes that the next steps may take: no more go on than that is enough for. It comes before `keep`
    and `risk`."""
    whole: bool = False
    """With `budget`: it holds for the tasks that made the candidates, too. Refused where what they left is
    enough for no candidate."""
    dearer: PositiveFloat | Annotated[list[PositiveFloat], Field(min_length=1)] = 1.0
    """With `budget`: how many times the CPU time of the task that made a candidate the next steps take; a
    list has a number for each report."""
    resamples: Annotated[int, Field(ge=1000)] = statistics.DRAWS
    """Bootstrap resamples."""

    @field_validator("keep")
    @classmethod
    def _is_number_or_share(cls, keep: float) -> float:
        if keep > 1 and keep % 1:
            raise ValueError("must be a number of candidates (3), or a share of them (0.5)")
        return keep

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if self.among == "no-larger" and self.margin is not None:
            raise ValueError("margin: with `among: no-larger` sizes decide already; leave out one")
        return self

    def run(self, *, reports: Sequence[Report], task: Task) -> Selection:
        """Write `selection.json`; BadRequest if the reports don't fit together."""
        found = ranked(
            reports,
            resamples=self.resamples,
            seed=task.seed,
            margin=self.margin,
            among=self.among,
            called=task.names,
        )
        took = {one.model: task.cost(one.model) for one in found} if self.budget else {}
        factors = self._factors(reports)
        costs = {model: factors[model] * took[model] for model in took}
        wanted = self._wanted(found)
        chosen = self._affordable(found, wanted, costs, sum(took.values()))
        on = {one.model for one in chosen}
        stopped = [one for one in found if one.model not in on]
        beyond = {one.model for one in wanted} - on
        content = _content(found, on, stopped, costs, beyond=beyond, among=self.among)
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (task.output / "selection.json").write_text(text, encoding="utf-8")
        task.say(content["sentence"])
        return Selection(
            path=task.output,
            meta={
                "goes_on": [one.model for one in chosen],
                "stopped": {row["model"]: row["why"] for row in content["rows"] if not row["goes_on"]},
            },
            refs={f"report.{i}": report.digest for i, report in enumerate(reports)},
            summary={"sentence": content["sentence"], "goes_on": len(chosen), "candidates": len(found)},
        )

    def _wanted(self, found: Sequence[Ranked]) -> list[Ranked]:
        """Those that `keep` and `risk` let go on, the best first."""
        count = self.keep if self.keep >= 1 else ceil(round(self.keep * len(found), 9))
        return [one for one in found if one.rank <= count or self._at_risk(one)]

    def _at_risk(self, one: Ranked) -> bool:
        return self.risk is not None and one.chance > self.risk and not one.as_good

    def _factors(self, reports: Sequence[Report]) -> dict[str, float]:
        """Digest of a model -> how many times what it took the next steps take."""
        each = self.dearer if isinstance(self.dearer, list) else [self.dearer] * len(reports)
        if len(each) != len(reports):
            raise BadRequest(
                f"dearer: {len(each)} numbers for {len(reports)} reports; give one for each, or one for all."
            )
        found: dict[str, float] = {}
        for report, factor in zip(reports, each, strict=True):
            model = report.refs["model"]
            found[model] = max(factor, found.get(model, 0.0))
        return found

    def _affordable(
        self, found: Sequence[Ranked], wanted: Sequence[Ranked], costs: Mapping[str, float], spent: float
    ) -> Sequence[Ranked]:
        """Those at the top that the budget is enough for; at least one, unless it is the `whole` one.

        Where the `whole` one is enough for none of those `wanted`, the next one within it goes on.
        """
        if self.budget is None:
            return wanted
        left = 60 * self.budget - (spent if self.whole else 0.0)
        if self.whole:
            within = [one for one in found if costs[one.model] <= left] or self._cheapest(found, costs, spent)
            wanted = [one for one in wanted if one in within] or within[:1]
        taken = list(accumulate(costs[one.model] for one in wanted))
        return wanted[: max(1, sum(cost <= left for cost in taken))]

    def _cheapest(self, found: Sequence[Ranked], costs: Mapping[str, float], spent: float) -> NoReturn:
        """BadRequest: no candidate can be made within the budget."""
        one = min(found, key=lambda one: costs[one.model])
        needed = ceil((spent + costs[one.model]) / 6) / 10
        raise BadRequest(
            f"budget: {self.budget:g} CPU-minutes are enough for no candidate: the probes took "
            f"{spent / 60:.1f}, and {one.name}, the cheapest to go on with, takes some "
            f"{costs[one.model] / 60:.1f} more; allow {needed:g} at least (what was made is kept)."
        )


def _content(
    found: Sequence[Ranked],
    on: set[str],
    stopped: Sequence[Ranked],
    costs: Mapping[str, float],
    *,
    beyond: set[str],
    among: Among,
) -> dict[str, Any]:
    """What `selection.json` holds; `beyond`: models that go on but for the budget."""
    first = found[0].quality
    rows = [
        _row(
            one,
            len(found),
            costs,
            goes_on=one.model in on,
            beyond=one.model in beyond,
            no_larger=among == "no-larger",
        )
        for one in found
    ]
    worst = max((one.chance for one in stopped if not one.as_good), default=0.0)
    return {
        "sentence": _sentence(found, on, stopped, among),
        "model_task": first.model_task.name,
        "measure": {"name": first.measure.name, "title": first.measure.title},
        "split": SPLIT,
        "n": first.split(SPLIT)["n"],
        "chance": round(worst, 6),
        "method": "subset selection (Gupta, 1965) by a paired Bayesian bootstrap over rows",
        "rows": rows,
    }


def _row(
    one: Ranked, of: int, costs: Mapping[str, float], *, goes_on: bool, beyond: bool, no_larger: bool
) -> dict[str, Any]:
    quality, measure = one.quality, one.quality.measure
    score = quality.measures(SPLIT)[measure.name]
    why = f"{ordinal(one.rank)} of {of} by {measure.title} on {SPLIT}"
    why += ", as good as the best and larger" if one.as_good and not goes_on else ""
    why += f", {one.ahead} of them no larger and better" if no_larger and one.ahead else ""
    why += ", beyond the budget" if beyond else ""
    return {
        "rank": one.rank,
        "name": one.name,
        "model": one.model,
        "goes_on": goes_on,
        "value": score,
        "written": figures.interval(score, measure.written),
        "bytes": quality.bytes,
        "chance": None if one.as_good and not goes_on else round(one.chance, 6),
        "why": why,
        **({"cpu_seconds": round(costs[one.model], 1)} if costs else {}),
    }


def _sentence(found: Sequence[Ranked], on: set[str], stopped: Sequence[Ranked], among: Among) -> str:
    written = found[0].quality.measure.written
    best = max(found, key=lambda one: one.chance).quality  # itself the first, unless sizes decide
    last = [one for one in found if one.model in on][-1]
    words = f"{len(on)} of {len(found)} go{'' if on - {last.model} else 'es'} on"
    if not stopped:
        return f"{words}: none is stopped"
    if larger := sum(one.as_good for one in stopped):
        words += f"; {larger} as good as the best and larger {'is' if larger == 1 else 'are'} stopped"
    weaker = [one for one in stopped if not one.as_good]
    if not weaker:
        return words
    top = written(best.value(SPLIT))
    if equal := sum(one.chance == 1 for one in weaker):
        are = "are" if equal > 1 else "is"
        how = f"as good as the best ({top})" if among == "all" else "better than all that are no larger"
        return f"{words}; of those stopped, {equal} {are} {how}"
    nearest = max(weaker, key=lambda one: (one.chance, -one.rank))
    value = written(nearest.quality.value(SPLIT))
    no_larger = "" if among == "all" else " that is no larger"
    top = written(nearest.best)
    words += f"; of those stopped, {nearest.name} ({value}) came nearest to the best{no_larger} ({top}): "
    words += f"a truly best one is stopped so in at most {figures.chance(nearest.chance)} of cases"
    close = sum(one.chance > CLOSE for one in weaker)
    return words + (f"; {close} of them overlap{'' if close > 1 else 's'} with the best" if close else "")


def ordinal(number: int) -> str:
    """A rank: 1st, 2nd, 3rd, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
