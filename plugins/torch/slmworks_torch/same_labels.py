"""A teacher, its student and their data must name the same classes in the same order."""

from collections.abc import Sequence

from slmworks.contract.errors import BadRequest


def require_same(known: Sequence[str], wanted: Sequence[str], own: Sequence[str], *, noun: str) -> None:
    """BadRequest unless the teacher (`known`) has those of the data (`wanted`), and so has the student.

    own: the student's; empty for a student without a head. noun: what they are, `labels` or `tags`.
    """
    if known != wanted:
        raise BadRequest(
            f"teacher: its {noun} are {_listed(known)}, the data's are {_listed(wanted)}; "
            "fine-tune the teacher on this data first."
        )
    if own and own != known:
        raise BadRequest(
            f"student: its {noun} are {_listed(own)}, the teacher's are {_listed(known)}; "
            f"give distill a student without a head or one with the teacher's {noun}."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"[{shown}{', …' if len(names) > 5 else ''}]"
