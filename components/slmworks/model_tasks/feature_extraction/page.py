"""What the reviewer's page shows of an embedding model only: at which rank the right document stands."""

from collections.abc import Mapping
from typing import Any

from slmworks.numbers import figures
from slmworks.packet.markup import Html, bar, el, grid, join


def ranks(candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Html:
    """Questions by the rank of their right document, the teacher's share beside."""
    own, n = candidate["details"]["ranks"], candidate["n"]
    theirs = teacher["details"]["ranks"] if teacher else {}
    lines = [
        [
            rank,
            join([bar(count / n), figures.percent(count / n)]),
            figures.percent(theirs[rank] / teacher["n"]) if teacher and rank in theirs else figures.NOTHING,
            figures.count(count),
        ]
        for rank, count in own.items()
    ]
    documents = figures.count(candidate["details"]["documents"])
    table = grid(("rank", "share", "teacher's share", "questions"), lines, label="Ranks")
    note = f"Each question has one right document among {documents}; documents are ranked by cosine."
    return join([el("h2", "Rank of the right document"), table, el("p", note, class_="soft")])
