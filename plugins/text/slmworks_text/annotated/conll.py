"""Files of CoNLL's shared tasks: a word a line with its tags, a blank line behind each sentence.

Values stand between tabs or blanks. Lines that begin with `#` and a blank are comments before the first word
of a sentence, and within one where they have another number of values than its words. They and `-DOCSTART-`
are no words; of CoNLL-U, neither are ranges (`1-2`) and empty nodes (`1.1`) in a column called `id`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from slmworks.contract.errors import BadRequest
from slmworks_text.annotated.forms import Warn
from slmworks_text.layout import Layout
from slmworks_text.streams import Meter, lines, text_of
from slmworks_text.values import Ragged, Values, Wanted, no_column

ENDINGS = (".conll", ".conllu", ".iob", ".iob2", ".bio")


def is_conll(path: Path) -> bool:
    """True if a file's ending says so, that of a compressed file too."""
    return any(suffix.lower() in ENDINGS for suffix in path.suffixes[-2:])


def conll_rows(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, shown: str, _warn: Warn
) -> Iterator[Values]:
    """A row a sentence, with the line that it begins at: of each wanted column its values.

    Without `columns` the first is `tokens` and the last `tags`; what is not there is None. BadRequest for a
    column that is named and not there.
    """
    names = layout.columns
    if names:
        for option, name in wanted:
            if name not in names and name not in layout.optional:
                raise no_column(names, option, name, shown)
    with text_of(path, layout.encoding, meter, shown=shown, newline="") as stream:
        sentence: list[Sequence[str]] = []
        began = 0
        for number, line in enumerate(lines(stream, shown), 1):
            text = line.rstrip("\r\n")
            if not text.strip():
                if sentence:
                    yield began, _values(sentence, names, wanted, f"{shown}:{began}")
                sentence = []
                continue
            values = text.split("\t") if "\t" in text else text.split()
            if _is_comment(text, values, sentence) or values[0] == "-DOCSTART-" or _is_range(values, names):
                continue
            began = began if sentence else number
            sentence.append(values)
        if sentence:
            yield began, _values(sentence, names, wanted, f"{shown}:{began}")


def _is_comment(text: str, values: Sequence[str], sentence: Sequence[Sequence[str]]) -> bool:
    return text.startswith("# ") and (not sentence or len(values) != len(sentence[0]))


def _is_range(values: Sequence[str], names: Sequence[str]) -> bool:
    """True for a word of CoNLL-U that stands for several, or for none."""
    at = names.index("id") if "id" in names else len(values)
    return at < len(values) and not values[at].isdigit()


def _values(
    sentence: Sequence[Sequence[str]], names: Sequence[str], wanted: Wanted, place: str
) -> list[list[str] | None] | Ragged:
    """The wanted columns of a sentence, or the first line of another width."""
    width = len(names) or len(sentence[0])
    for number, values in enumerate(sentence, 1):
        if len(values) != width:
            return Ragged(len(values), width, f"word {number} of the sentence")
    if not names and width < 2:
        raise BadRequest(
            f"{place}: one value a line, where a word and its tag are expected; set columns for files of "
            "another form."
        )
    where = {name: place for place, name in enumerate(names)} if names else {"tokens": 0, "tags": width - 1}
    found: list[list[str] | None] = []
    for _, name in wanted:
        found.append([values[where[name]] for values in sentence] if name in where else None)
    return found
