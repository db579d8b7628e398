"""The reference of row operators as Markdown, beside that of the plugins of `curate`."""

import inspect
from collections.abc import Iterable

from slmworks.authoring.reference import cell, options, summary, table
from slmworks.curate.operators import offered, operator_class

SHARED = ("roles", "splits")
"""Options that all have, which are said once."""
HEAD = """\
## Row operators

Listed by the option `operators` of `curate/text`, `curate/chat` and `curate/preferences`:
[curation.md](../curation.md). All have `roles`, a list of the texts that they see, all by default: `text`,
`target`; in conversations `system`, `user`, `assistant`, `tool`, `prompt`, `rejected`. And `splits`, those
whose rows pass, all by default: `[train]` leaves a given test set as it was published."""


def section(distributions: Iterable[str]) -> str:
    """The row operators of these distributions with their options."""
    return "\n\n".join([HEAD, *map(_operator, _of(distributions))]) + "\n"


def overview(distributions: Iterable[str]) -> str:
    """The same as a table, with links to `plugins/curate.md`."""
    rows = [
        f"| [`{name}`](plugins/curate.md#operator{name}) | {cell(summary(operator_class(name)))} "
        f"| `{offered()[name].distribution}` |"
        for name in _of(distributions)
    ]
    return "\n".join(["| row operator of curate | what it does | of |", "|---|---|---|", *rows]) + "\n"


def _of(distributions: Iterable[str]) -> list[str]:
    wanted = set(distributions)
    return [name for name, one in offered().items() if one.distribution in wanted]


def _operator(name: str) -> str:
    loaded = operator_class(name)
    own = [option for option in options(loaded) if option.name not in SHARED]
    parts = [f"### operator/{name}", inspect.cleandoc(loaded.__doc__ or "")]
    parts += [f"Of `{offered()[name].distribution}`."]
    return "\n\n".join([*parts, *([table("option", own)] if own else [])])
