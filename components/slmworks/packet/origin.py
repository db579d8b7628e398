"""Where a model comes from, and how to make it again."""

from collections.abc import Sequence

from slmworks.numbers import figures
from slmworks.packet.dag import picture
from slmworks.packet.ends import End, ends_of
from slmworks.packet.markup import Html, details, el, grid, join
from slmworks.packet.sources import Background, Made


def lineage(background: Background) -> Html:
    """The picture from the source files to the model; the verdict's whole way as text."""
    if background.model is None and background.verdict is None:
        return Html("")
    parts = [el("h2", "Lineage")]
    if background.model is not None:
        root = background.model.root
        ends = ends_of(root, background.stopped, background.ways)
        parts += [
            el("p", "From the source files to the model ", el("code", f"sha256:{root.digest}")),
            el(
                "div",
                picture(background.model, ends),
                class_="wide",
                tabindex=0,
                role="region",
                aria_label="Lineage",
            ),
            _beside(ends),
        ]
    if background.verdict is not None:
        from slmworks.lineage.ancestry import render

        way = render(background.verdict).partition("\n")[2]
        parts.append(details("As text, with all reports", el("pre", way, tabindex=0)))
    return join(parts)


def _beside(ends: Sequence[End]) -> Html:
    """What is dashed in the picture; nothing where nothing is."""
    count = sum(len(end.candidates) for end in ends)
    if not count:
        return Html("")
    said = (
        "1 candidate that was stopped"
        if count == 1
        else f"{figures.count(count)} candidates that were stopped"
    )
    return el(
        "p",
        f"Dashed: {said}, down to the selection that did; ranks and chances: see Stopped early.",
        class_="soft",
    )


def again(background: Background, page_of: str) -> Html:
    """The commands that make the same model again, with versions and digests; `page_of` is the verdict."""
    made = background.made
    if made is None:
        return Html("")
    steps = grid(
        ("step", "from", "code", "result"),
        (
            [step, origin, *(el("code", digest) for digest in digests)]
            for step, origin, *digests in made.steps
        ),
        text=range(4),
        label="Steps",
    )
    return join(
        [
            el("h2", "How to make it again"),
            el("pre", _commands(made, page_of), tabindex=0),
            el("p", "The same files, recipe and versions give the same digests for deterministic steps."),
            details("Step by step: versions and digests", steps),
            details("The recipe, as it was", el("pre", made.text, tabindex=0)) if made.text else "",
        ]
    )


def _commands(made: Made, page_of: str) -> str:
    lines = [f"pip install {' '.join(made.packages)}"] if made.packages else []
    lines += [f"slmworks run {made.recipe}"] if made.recipe else []
    lines += [f"slmworks lineage {page_of}"] if page_of else []
    return "\n".join(lines)
