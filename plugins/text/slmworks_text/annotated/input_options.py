"""Options of one input of a curation of texts with marks."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from slmworks.contract.documented import Documented
from slmworks_text.encodings import Encoding
from slmworks_text.layout import Delimiter, Quotes


class MarkInputOptions(Documented):
    """Options of one input, in place of those for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str | None = None
    """Format of its files."""
    fields: Mapping[Any, str] | None = None
    """Its columns and keys, by what they hold."""
    columns: tuple[str, ...] | None = None
    """Column names of its files, which have no header line."""
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
