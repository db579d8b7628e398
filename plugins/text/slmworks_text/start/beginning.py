"""From the files of a newcomer to a curation that reads them, and the sentences that say what was seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, listed
from slmworks_text.label_warnings import looks_numeric
from slmworks_text.labels import cleaned, spelt
from slmworks_text.layout import Quotes
from slmworks_text.start.columns import Chosen, choose, choose_pair, columns_of, rows_of, shape_of
from slmworks_text.start.kinds import CHAT, CLASSIFIER, SEARCH, TAGGER, Kind
from slmworks_text.start.sniff import Found, sniff

LOOKED_AT = 200_000
"""Rows of each file whose labels are counted."""
TRAIN = "train"
HELD_OUT = ("validation", "test")
SIGNS = {"\t": "tabs", ",": "commas", ";": "semicolons"}
BINS = ("low", "middle", "high")


@dataclass(frozen=True)
class Wishes:
    """What a person says of the files, in place of what would be looked for."""

    texts: Sequence[str] = ()
    label: str = ""
    delimiter: str = ""
    encoding: str = ""
    quotes: Quotes = "auto"
    columns: Sequence[str] = ()
    header: bool | None = None


@dataclass
class Beginning:
    """The curation of some files."""

    files: Mapping[str, Path]
    """Input name -> file."""
    kind: Kind
    options: dict[str, Any]
    """Options of the plugin that curates them."""
    said: list[str] = field(default_factory=list)
    """What was seen, a line each."""


def begin(files: Mapping[str, Path], wishes: Wishes, kind: Kind | None = None) -> Beginning:
    """Look at the files; BadRequest for what can't be told, with the way out.

    kind: what is to be made of them; None: a generator of conversations, a classifier of all else.
    """
    found = {name: _sniffed(path, wishes) for name, path in files.items()}
    said = [f"{name}: {_layout(one)}" for name, one in found.items()]
    columns = columns_of(found[TRAIN])
    shape = None if wishes.texts or wishes.label else shape_of(columns)
    if shape and kind in (None, CHAT):
        said.append(f"conversations ({shape}): {', '.join(found[TRAIN].columns)}")
        return Beginning(files, CHAT, {**_shared(found), "near_duplicates": 0.9, **_own(found)}, said)
    kind = kind or CLASSIFIER
    if kind is TAGGER:
        said.append(f"entities: {', '.join(_require_marked(found[TRAIN]))}")
        return Beginning(files, TAGGER, {**_shared(found), "near_duplicates": 0.9, **_own(found)}, said)
    pick = choose if kind is CLASSIFIER else choose_pair
    chosen = pick(columns, wishes.texts, wishes.label, str(found[TRAIN].path))
    found = {name: _renamed(one, chosen) for name, one in found.items()}
    if not found[TRAIN].header:
        *texts, label = _given(chosen)
        chosen = Chosen(tuple(texts), label, chosen.others)
    for name, one in found.items():
        _require(one, chosen, name)
    unused = f" · not used: {', '.join(chosen.others)}" if chosen.others else ""
    said.append(f"text: {' + '.join(chosen.texts)} · {kind.target}: {chosen.label}{unused}")
    own = _conversations(chosen) if kind is CHAT else _labelled(found, chosen, kind, said)
    return Beginning(files, kind, {**_shared(found), **own, **_own(found)}, said)


def _labelled(found: Mapping[str, Found], chosen: Chosen, kind: Kind, said: list[str]) -> dict[str, Any]:
    """The options of curate/text."""
    return {
        "text": list(chosen.texts) if len(chosen.texts) > 1 else chosen.texts[0],
        "label": chosen.label,
        **({} if kind is SEARCH else _labels(_counted(found, chosen.label), len(found), said)),
        "near_duplicates": 0.8,
        "redact": ["email", "phone", "card"],
    }


def _require_marked(found: Found) -> tuple[str, ...]:
    """The columns that hold entities; BadRequest where none has the name that curate/tags looks for."""
    for names in (("text", "entities"), ("tokens", "tags")):
        if set(names) <= set(found.columns):
            return names
    raise BadRequest(
        f"{found.path}: no columns text and entities, or tokens and tags (there are: "
        f"{listed(found.columns)}); rename them, or write the recipe with `fields` (docs/words.md)."
    )


def _conversations(chosen: Chosen) -> dict[str, Any]:
    """The options of curate/chat for a column of questions and one of answers."""
    if len(chosen.texts) > 1:
        raise BadRequest(
            f"--text {chosen.texts[1]}: a generator is asked with one column; name the one, or join them."
        )
    fields = {"instruction": chosen.texts[0], "output": chosen.label}
    return {"shape": "alpaca", "fields": fields, "near_duplicates": 0.9}


def _sniffed(path: Path, wishes: Wishes) -> Found:
    return sniff(
        path,
        delimiter=wishes.delimiter,
        encoding=wishes.encoding,
        quotes=wishes.quotes,
        columns=wishes.columns,
        header=wishes.header,
    )


def _layout(found: Found) -> str:
    words = [str(found.layout.format)]
    if sign := found.layout.delimiter:
        words.append(SIGNS.get(sign, sign))
    if found.layout.format != "parquet":
        words.append(found.layout.encoding)
    if found.layout.quotes == "off":
        words.append("quotation marks are text")
    header = "" if found.header else ", no header line"
    return f"{found.path} ({' · '.join(words)}{header}), columns {', '.join(found.columns)}"


def _renamed(found: Found, chosen: Chosen) -> Found:
    """A file without a header line: its columns get the names that the recipe uses."""
    if found.header:
        return found
    names = dict(zip((*chosen.texts, chosen.label), _given(chosen), strict=True))
    columns = tuple(names.get(name, name) for name in found.columns)
    return replace(found, layout=replace(found.layout, columns=columns), columns=columns)


def _given(chosen: Chosen) -> tuple[str, ...]:
    if not all(name.startswith("column") for name in (*chosen.texts, chosen.label)):
        return (*chosen.texts, chosen.label)
    several = range(1, len(chosen.texts) + 1)
    return (*(("text",) if len(several) == 1 else (f"text{number}" for number in several)), "label")


def _require(found: Found, chosen: Chosen, name: str) -> None:
    for column in (*chosen.texts, chosen.label):
        if column not in found.columns:
            raise BadRequest(
                f"{found.path}: no column '{column}' as in {TRAIN} (there are: {listed(found.columns)}); "
                f"give --{name} a file of the same columns."
            )


def _shared(found: Mapping[str, Found]) -> dict[str, Any]:
    """Options of layout that all files share; `key` is each file's own."""
    options = [one.options for one in found.values()]
    first = found[TRAIN].options
    return {
        key: first[key] for key in first if key != "key" and all(o.get(key) == first[key] for o in options)
    }


def _own(found: Mapping[str, Found]) -> dict[str, Any]:
    """Options of layout that differ, as the option `inputs`."""
    shared = _shared(found)
    own = {
        name: {key: value for key, value in one.options.items() if key not in shared}
        for name, one in found.items()
    }
    inputs = {name: options for name, options in own.items() if options}
    return {"inputs": inputs} if inputs else {}


def _counted(found: Mapping[str, Found], label: str) -> dict[str, Counter[str]]:
    """Label -> rows, of each file."""
    counts = {}
    for name, one in found.items():
        values = (row[0] for row in islice(rows_of(one, [label]), LOOKED_AT))
        texts = (cleaned(str(value).strip()) for value in values if value is not None)
        counts[name] = Counter(text for text in texts if text and text != "nan")
    return counts


def _labels(counts: Mapping[str, Counter[str]], files: int, said: list[str]) -> dict[str, Any]:
    """Options for the labels: bins for numbers, the frequent ones where some are too rare to split."""
    train = counts[TRAIN]
    if looks_numeric(train):
        bins = _bins(train)
        said.append(
            f"the label is a number: classes by its size, {', '.join(f'{k} {v}' for k, v in bins.items())}"
        )
        return {"bins": bins}
    if len(train) < 2:
        raise BadRequest(
            f"the label has {len(train)} value in {train.total():,} rows; a classifier needs two."
        )
    needed = 4 - files  # one row for each split that is taken from the rows
    rare = sorted(label for label, count in train.items() if count < needed)
    strange = sorted({label for one in counts.values() for label in one} - train.keys())
    if not rare and not strange:
        return {}
    left = [label for label in sorted(train) if label not in rare]
    if len(left) < 2 or len(rare) > len(left):
        shown = ", ".join(spelt(one) for one in rare[:5])
        raise BadRequest(
            f"{len(rare)} of {len(train)} labels have fewer than {needed} rows ({shown}, …); if this isn't "
            "the label, name another column: --label COLUMN."
        )
    for labels, why in ((rare, f"have fewer than {needed} rows"), (strange, "are in no training row")):
        if labels:
            shown = ", ".join(spelt(one) for one in labels[:5]) + (", …" if len(labels) > 5 else "")
            said.append(f"left out: rows of {len(labels)} labels that {why} ({shown})")
    return {"labels": left}


def _bins(counts: Counter[str]) -> dict[str, str]:
    """Three ranges with about as many rows each."""
    values = sorted(float(text) for text, count in counts.items() for _ in range(count))
    low, high = (values[len(values) * part // 3] for part in (1, 2))
    if low == high:
        return (
            {BINS[0]: f"<= {low:g}", BINS[2]: "else"}
            if low < values[-1]
            else {BINS[0]: f"< {low:g}", BINS[2]: "else"}
        )
    return {BINS[0]: f"<= {low:g}", BINS[1]: "else", BINS[2]: f"> {high:g}"}
