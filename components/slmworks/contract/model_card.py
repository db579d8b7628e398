"""The words of a model card that only a person knows: licence, intended use, limits.

Everything else on a card (measures, sources, their own licences) is read where it was measured or fetched.
"""

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, field_validator

from slmworks.contract.documented import Documented

Line = Annotated[str, Field(min_length=1, max_length=200)]
Paragraph = Annotated[str, Field(min_length=1, max_length=800)]
"""Short, so that a card fits into MLflow's description beside the table."""
LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class ModelCard(Documented):
    """What the author of a recipe says of its model, for reviewers and for those who use it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    licence: Line | None = None
    """Licence of the released model, such as `apache-2.0`."""
    weights_licence: Line | None = None
    """Licence of the weights that it started from, where these say nothing of it themselves."""
    intended_use: Paragraph | None = None
    """What it is made for, and for whom."""
    out_of_scope: Paragraph | None = None
    """What it must not be used for."""
    limits: Paragraph | None = None
    """Where it is known to fail: texts, languages, groups of people."""
    contact: Line | None = None
    """Whom to ask: a team, an address."""
    language: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = ()
    """Languages of its texts as codes: [en, de]."""

    @field_validator("licence", "weights_licence", "intended_use", "out_of_scope", "limits", "contact")
    @classmethod
    def _says_something(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("says nothing; write it, or leave it out")
        return text

    def said(self) -> dict[str, Any]:
        """What was declared, as JSON values; empty for nothing."""
        return {name: value for name, value in self.model_dump(mode="json").items() if value}


TITLES = {
    "intended_use": "Intended use",
    "out_of_scope": "Out of scope",
    "limits": "Limits",
    "contact": "Contact",
}
"""Field -> its heading for people, in the order in which they are read."""
UNDECLARED = "not declared"
