"""Terms of a model as they are stated: use, limits, licences; what nobody states is said to be so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slmworks.contract.model_card import TITLES, UNDECLARED, ModelCard
from slmworks.lineage.licences import DECLARED, Licensed, Sources
from slmworks.packet.markdown_text import Markdown, escaped
from slmworks.packet.markup import Html, el, grid, join

UNKNOWN = "nothing says where they come from"


@dataclass(frozen=True)
class Term:
    """One line: what it is about, and what is stated."""

    title: str
    text: str
    """Empty: nobody states it."""
    where: str = ""
    """The place that states it; empty: the recipe."""
    problem: str = ""
    """What a reviewer must see, such as two licences that differ."""


@dataclass(frozen=True)
class Terms:
    """What is known of a model's terms."""

    card: ModelCard | None = field(default_factory=ModelCard)
    """What the recipe declares; None where nobody knows yet, as in a gate's pod, which sees no other step."""
    sources: Sources = field(default_factory=Sources)
    example: str = ""
    """The row that the recipe declares as one that all may see; empty for the model task's own."""


def terms(card: ModelCard, sources: Sources) -> list[Term]:
    """Use and limits, the licence of the release, then that of every source."""
    said = card.model_dump()
    return [
        *(Term(title, said[name] or "") for name, title in TITLES.items()),
        _licence(card, sources),
        *_sources("Weights", sources.weights, card.weights_licence or ""),
        *_sources("Data", sources.data, ""),
    ]


def licence_of_release(card: ModelCard, sources: Sources) -> str:
    """The declared licence, else the one that all weights have; empty where there is none."""
    of_weights = {one.licence or card.weights_licence or "" for one in sources.weights}
    return card.licence or (of_weights.pop() if len(of_weights) == 1 else "")


def _licence(card: ModelCard, sources: Sources) -> Term:
    stated = sorted({one.licence for one in sources.weights if one.licence})
    found = licence_of_release(card, sources)
    others = [one for one in stated if _same(one) != _same(found)]
    problem = f"its weights are under {', '.join(others)}" if found and others else ""
    where = "" if card.licence or not found else "as its weights"
    return Term("Licence", found, where, problem)


def _same(licence: str) -> str:
    return licence.lower().replace(" ", "-")


def _sources(kind: str, found: Sequence[Licensed], declared: str) -> Iterator[Term]:
    if not found:
        yield Term(kind, "", problem=UNKNOWN)
    for one in found:
        where = DECLARED if not one.licence and declared else one.stated_in
        yield Term(f"{kind}: {one.name}", one.licence or declared, where)


def section(known: Terms | None) -> Html:
    """The terms as a part of the page."""
    if known is None:
        return Html("")
    rows: list[list[object]] = [[one.title, _shown(one)] for one in _known(known)]
    if known.example:
        rows.append(["Example that is shipped", el("span", known.example, class_="text")])
    title = "Use, limits and licences" if known.card else "Licences of what it was made from"
    return join([el("h2", title), grid(("", "as stated"), rows, text=(0, 1), label="Terms")])


def _known(about: Terms) -> list[Term]:
    """All terms, or those of the sources alone."""
    if about.card is not None:
        return terms(about.card, about.sources)
    return [*_sources("Weights", about.sources.weights, ""), *_sources("Data", about.sources.data, "")]


def _shown(term: Term) -> Html:
    where = el("span", f" ({term.where})", class_="soft") if term.where and term.text else ""
    problem = el("span", f" {term.problem}", class_="warning") if term.problem else ""
    if not term.text:
        said = term.problem or UNDECLARED
        return el("span", said, class_="warning")
    return el("span", term.text, where, problem, class_="text")


def lines(known: Terms | None, *, brief: bool = False) -> list[str]:
    """The same as Markdown for a narrow pane: licences in one line, a line for each word of the recipe.

    `brief`: without these words, whose place is the page.
    """
    if known is None:
        return []
    found, first = _known(known), len(TITLES) if known.card else 0
    uses, licences = found[:first], found[first:]
    said = [] if brief else [f"**{one.title}:** {escaped(one.text)}" for one in uses if one.text]
    missing = [one.title.lower() for one in uses[:3] if not one.text]
    licensed = " · ".join(_briefly(one) for one in licences)
    if missing:
        licensed += f" · **missing:** {', '.join(missing)}"
    return [licensed, *said]


def _briefly(term: Term) -> Markdown:
    head = escaped(term.title)
    if not term.text:
        return Markdown(f"{head}: **{escaped(term.problem or UNDECLARED)}**")
    where = f" ({escaped(term.where)})" if term.where else ""
    problem = f" **({escaped(term.problem)})**" if term.problem else ""
    return Markdown(f"{head}: {escaped(term.text)}{where}{problem}")
