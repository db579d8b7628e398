"""How the rows of a file are laid out: format, columns, delimiter, quotation marks, encoding."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from slmworks_text.encodings import Encoding

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "lines"]
Quotes = Literal["auto", "on", "off"]


def _one_sign(value: str) -> str:
    if len(value) != 1 or value in '"\r\n':
        raise ValueError('expected one sign that is no quotation mark and no line end, such as ";" or "\\t"')
    return value


Delimiter = Annotated[str, AfterValidator(_one_sign)]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Layout of one file."""

    format: Format | None = None
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without a header line."""
    encoding: Encoding = "utf-8"
    key: str = ""
    """`json`: the entry that holds the rows."""
    delimiter: str = ""
    """`csv`, `tsv`: the sign between values; empty: a comma, a tab."""
    quotes: Quotes = "auto"
    """`csv`, `tsv`: whether quotation marks enclose values; `auto`: in csv they do, tsv is looked at."""
    nested: bool = False
    """Wanted columns may hold lists and objects; otherwise they must be text."""
    optional: frozenset[str] = frozenset()
    """Wanted columns that a file may lack, if it has one of the wanted: None in their place."""
