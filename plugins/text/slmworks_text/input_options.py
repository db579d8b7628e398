"""Options of one input of `curate/text`, and types of options that curations share."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from slmworks.contract.documented import Documented
from slmworks_text.encodings import Encoding
from slmworks_text.layout import Delimiter, Format, Quotes


def _texts(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    if value is not None and not isinstance(value, str):
        raise ValueError("expected a column, or a list of columns that are joined")
    return value


TextColumns = Annotated[str | tuple[str, ...] | None, BeforeValidator(_texts)]
"""One column, or several that are joined."""


Fraction = Annotated[float, Field(gt=0, lt=1)]
"""A share of the rows."""


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping) and all(isinstance(name, str) and name.strip() for name in value.values()):
        return dict(value)
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError("expected a list of labels, or a mapping of values in the files to labels")


LabelNames = Annotated[tuple[str, ...] | dict[str, str], BeforeValidator(_kept)]
"""The labels that are asked for."""


class InputOptions(Documented):
    """Options of one input, in place of those for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format | None = None
    """Format of its files."""
    columns: tuple[str, ...] | None = None
    """Column names of its files, which have no header line."""
    text: TextColumns = None
    """Its text column, or a list of those that are joined."""
    label: str | None = None
    """Its label or rating column, or that of its target text."""
    group: str | None = None
    """Its group column."""
    encoding: Encoding | None = None
    """Encoding of its files."""
    delimiter: Delimiter | None = None
    """`csv`, `tsv`: the sign between values."""
    quotes: Quotes | None = None
    """`csv`, `tsv`: whether quotation marks enclose values."""
    key: str | None = None
    """`json`: the entry of the object that holds its rows."""
