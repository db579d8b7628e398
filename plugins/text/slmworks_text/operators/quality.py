"""`quality`: published rules about texts; each is a reason of its own."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from slmworks.contract.errors import did_you_mean
from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow
from slmworks_text.quality import c4, fineweb, gopher
from slmworks_text.quality.rule import Document, Rule

SETS: dict[str, Sequence[Rule]] = {
    "c4": c4.RULES,
    "gopher": gopher.QUALITY,
    "gopher-repetition": gopher.REPETITION,
    "fineweb": fineweb.RULES,
}
LINES, ENDS = "lines", "line-ends"
"""Parts of C4's rules that change a text, as `skip` names them."""


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


RuleSet = Literal["c4", "gopher", "gopher-repetition", "fineweb"]
RuleSets = Annotated[tuple[RuleSet, ...], BeforeValidator(_several), Field(min_length=1)]


class Quality(RowOperator):
    """Drop rows that break published rules about the quality of texts; each rule is counted by its name.

    `gopher` and `gopher-repetition` (Rae et al., 2021), `c4` (Raffel et al., 2020; it leaves out lines, too),
    `fineweb` (Penedo et al., 2024; those that it adds). They were made for pages of the web: for short texts
    lower `words` with `limits`. Most look at lines, so list `normalise` behind this operator.
    """

    sees_lines: ClassVar[bool] = True

    rules: RuleSets
    """`gopher`, `gopher-repetition`, `c4`, `fineweb`, or a list of them, applied in its order."""
    limits: dict[str, tuple[float | None, float | None]] = Field(default_factory=dict)
    """Rule -> least and most, in place of those published, null for none: `{words: [5, null]}`."""
    skip: tuple[str, ...] = ()
    """Rules that are not applied; of `c4` also `lines` (no line is left out) and `line-ends` (none for the
    sign at its end)."""

    @model_validator(mode="after")
    def _rules_are_known(self) -> Self:
        known = [rule.name for name in self.rules for rule in SETS[name]]
        further = [LINES, ENDS] if "c4" in self.rules else []
        for option, names in (("limits", [*known]), ("skip", [*known, *further])):
            for name in getattr(self, option):
                if name not in names:
                    raise ValueError(
                        f"{option}: no rule '{name}' in {', '.join(self.rules)}. {did_you_mean(name, names)}"
                    )
        for name, (least, most) in self.limits.items():
            if least is not None and most is not None and least > most:
                raise ValueError(f"limits: {name}: {least:g} is more than {most:g}")
        return self

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        """Dropped by the first rule that is broken; with C4's lines left out."""
        texts = row.texts
        for name in self.rules:
            if name == "c4" and LINES not in self.skip:
                texts = tuple(c4.without_lines(text, ends=ENDS not in self.skip) for text in texts)
                if not any(texts):
                    return Dropped("c4 lines", "no line is left")
            document = Document("\n".join(texts))
            for rule in _applied(name, self.skip):
                if problem := rule.broken(document, *self._limits(rule)):
                    return Dropped(f"{name} {rule.name}", problem)
        return Kept(texts=texts, change="lines left out") if texts != row.texts else None

    def _limits(self, rule: Rule) -> tuple[float, float]:
        if rule.name not in self.limits:
            return rule.least, rule.most
        least, most = self.limits[rule.name]
        return (-math.inf if least is None else least), (math.inf if most is None else most)


@cache
def _applied(name: str, skip: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in SETS[name] if rule.name not in skip)
