"""The conformance suite of row operators: rules that each must keep, with the way out where one is broken."""

import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

from slmworks.authoring.conformance import HEAVY, Result
from slmworks.contract.documented import docstrings
from slmworks.contract.errors import SlmworksError, first_line
from slmworks.contract.options import OptionError, configure
from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow
from slmworks.curate.operators import offered, operator_class

ROWS = (
    TextRow(("Where is the parcel that I ordered on Monday?",), ("text",), "parcel", "web", "train"),
    TextRow(("WHERE IS IT",), ("text",), "", "web", "transfer"),
    TextRow(("wo ist es?\nund wann?", "morgen 🙂"), ("user", "assistant"), "", "chat", "test"),
    TextRow(("",), ("text",), "", "web", "train"),
    TextRow(("请问几点发车", "八点"), ("text", "target"), "", "web", "validation"),
)
"""Rows that every operator must be able to judge."""


def check(name: str) -> list[Result]:
    """Every rule, in order; only the first one for an operator that cannot be loaded."""
    loaded = _result(loads, name)
    return [loaded] if loaded.breaches else [loaded, *(_result(rule, name) for rule in RULES)]


def _result(rule: "Rule", name: str) -> Result:
    return Result((rule.__doc__ or "").partition("\n")[0].rstrip("."), tuple(rule(name)))


def loads(name: str) -> Iterator[str]:
    """It loads and derives from RowOperator."""
    try:
        operator_class(name)
    except SlmworksError as error:
        yield str(error)


def described(name: str) -> Iterator[str]:
    """Its docstring begins with a sentence, and a string stands under every option."""
    found = operator_class(name)
    first = first_line(inspect.cleandoc(found.__dict__.get("__doc__") or ""))
    if not first.endswith("."):
        yield "the class has no docstring whose first line is a sentence; write what it does."
    told = docstrings(found)
    for option in found.model_fields:
        if option not in told:
            yield f"{option}: nothing says what it means; write a string under it."


def light(name: str) -> Iterator[str]:
    """Its module imports no heavy library."""
    program = (
        f"import sys, {offered()[name].module}\nprint(*(name.partition('.')[0] for name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    for library in sorted(HEAVY & set(ended.stdout.split())):
        yield f"imports {library}, which a scheduler does without; import it inside the method."


def pure(name: str) -> Iterator[str]:
    """A row's result depends on the row alone, and it can be sent to another process."""
    try:
        operator = configure(operator_class(name), name, {})
    except OptionError:
        return  # it has no defaults to be tried with
    try:
        yield from _impure(operator)
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        yield f"fails at a row ({type(error).__name__}: {first_line(error)}); let it judge any text."


def _impure(operator: RowOperator) -> Iterator[str]:
    together = list(operator.apply_all(ROWS))
    if len(together) != len(ROWS):
        yield f"apply_all gives {len(together)} results for {len(ROWS)} rows; give one for each."
        return
    for row, result in zip(ROWS, together, strict=True):
        if not isinstance(result, Dropped | Kept | None):
            yield f"a result is {type(result).__name__}; give Dropped, Kept or None."
        elif isinstance(result, Kept) and result.texts is not None and len(result.texts) != len(row.texts):
            yield f"Kept has {len(result.texts)} texts for a row of {len(row.texts)}; give one for each."
    again = [*reversed(operator.apply_all(ROWS[::-1]))]
    single = [operator.apply_all([row])[0] for row in ROWS]
    if not all(one == other for one, other in pairwise((together, again, single))):
        yield "a row's result changes with the rows beside it; look at one row at a time."
    if pickle.loads(pickle.dumps(operator)) != operator:  # noqa: S301 (its own bytes)
        yield "it isn't the same after pickle; hold options only."


RULES = (described, light, pure)
Rule = Callable[[str], Iterator[str]]
