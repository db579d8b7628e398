"""A student's layers beside its teacher's: which learns from which, and how far they are apart."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks_torch.hidden.distances import relation_distance, state_distance
from slmworks_torch.hidden.inside import BELOW, Caught, Inside, Projections
from slmworks_torch.hidden.options import HiddenOptions
from slmworks_torch.student_options import refuse_beyond

if TYPE_CHECKING:
    import torch

    Probe = Callable[[Any], torch.Tensor]
    """Runs a network on some texts of different lengths; returns their ids [rows, tokens]."""

ATTACHED = "hidden_projections"
"""Name of the projections within the student's network while it is trained."""


@dataclass(frozen=True)
class Match:
    """Two networks that read the same tokens, and what is compared between them."""

    teacher: Inside
    student: Inside
    layers: Sequence[tuple[int, int]]
    """A layer of the teacher and one of the student whose states are compared; empty for none."""
    attention: tuple[Projections, Projections] | None
    """Of the teacher's layer and of the student's last one, whose relations are compared."""
    heads: int
    """Pieces of a query, key or value."""
    projections: Any
    """A ModuleDict from the student's width to the teacher's, of embeddings and states; empty for none."""

    @classmethod
    def of(cls, teacher: Any, student: Any, options: HiddenOptions, probe: "Probe") -> "Match":
        """Look into both networks, which are moved to the GPU where there is one; the teacher learns nothing.

        BadRequest for layers that there aren't, families without such projections, heads that don't divide.
        """
        import torch
        from slmworks_torch import devices

        device = devices.device()
        theirs = Inside.of(teacher.to(device).requires_grad_(requires_grad=False).eval(), port="teacher")
        ours = Inside.of(student.to(device).eval(), port="student")
        layers = _layers(theirs, ours, options) if options.method != "relations" else []
        attention = _attention(theirs, ours, options) if options.method != "states" else None
        heads = 0 if attention is None else options.relation_heads or gcd(theirs.heads, ours.heads)
        found = cls(theirs, ours, layers, attention, heads, torch.nn.ModuleDict())
        return found._sized(probe)

    @contextmanager
    def caught(self) -> Iterator[tuple[Caught, Caught]]:
        """A forward pass of each network within it leaves what the teacher and the student computed."""
        ours, theirs = ([pair[place] for pair in self.layers] for place in (1, 0))
        parts = self.attention or (None, None)
        with self.teacher.caught(theirs, parts[0]) as one, self.student.caught(ours, parts[1]) as other:
            yield one, other

    def distance(self, teacher: Caught, student: Caught, seen: "torch.Tensor") -> "torch.Tensor":
        """Distance of each token's states, the mean over layers, and relations: float32 [rows, tokens].

        `seen` [rows, tokens, tokens] says which tokens a token is compared with. What stands for tokens that
        are none is for the caller to leave out.
        """
        total = seen.new_zeros(seen.shape[:2], dtype=_float32())
        for theirs, ours in self.layers:
            states = self._widened(student.states[ours], ours)
            total = total + state_distance(teacher.states[theirs], states) / len(self.layers)
        if self.attention:
            goal, found = (part.of(one) for part, one in zip(self.attention, (teacher, student), strict=True))
            total = total + relation_distance(goal, found, seen, self.heads)
        return total

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Within it the projections are a part of the student's network, so that they are trained with it."""
        if not self.projections:
            yield
            return
        self.student.net.add_module(ATTACHED, self.projections)
        try:
            yield
        finally:
            delattr(self.student.net, ATTACHED)

    def _widened(self, states: "torch.Tensor", layer: int) -> "torch.Tensor":
        if not self.projections:
            return states
        made: torch.Tensor = self.projections["embeddings" if layer == BELOW else "states"](states)
        return made

    def _sized(self, probe: "Probe") -> "Match":
        """The same with projections where widths differ; BadRequest where shapes rule a comparison out."""
        import torch

        with self.caught() as (theirs, ours), torch.no_grad():
            probe(self.teacher.net)
            shape = probe(self.student.net).shape
        for one, caught in ((self.teacher, theirs), (self.student, ours)):
            _refuse_moved(one, caught, shape)
        if self.attention:
            for part, one, caught in zip(
                self.attention, (self.teacher, self.student), (theirs, ours), strict=True
            ):
                _refuse_pieces(one, part.of(caught)["query"].shape[-1], self.heads)
        if self.layers:
            wide, narrow = (int(one.states[BELOW].shape[-1]) for one in (theirs, ours))
            if wide != narrow:
                device = self.student.net.device
                for name in ("embeddings", "states"):
                    self.projections[name] = torch.nn.Linear(narrow, wide, bias=False, device=device)
        return self


def evenly(teacher: int, student: int) -> tuple[int, ...]:
    """A layer of `teacher` for each of `student` layers, the last for the last (Jiao et al., 2020)."""
    return tuple(max(0, (place + 1) * teacher // student - 1) for place in range(student))


def _layers(teacher: Inside, student: Inside, options: HiddenOptions) -> list[tuple[int, int]]:
    """Pairs of layers whose states are compared, the embeddings first."""
    chosen = options.mapping or evenly(teacher.depth, student.depth)
    refuse_beyond(chosen, teacher.depth, option="mapping")
    if len(chosen) != student.depth:
        raise BadRequest(
            f"mapping: it names {len(chosen)} layers, and the student has {student.depth}; name one of the "
            "teacher's for each."
        )
    return [(BELOW, BELOW), *((theirs, ours) for ours, theirs in enumerate(chosen))]


def _attention(teacher: Inside, student: Inside, options: HiddenOptions) -> tuple[Projections, Projections]:
    """Projections of the teacher's layer, and of the student's last one."""
    layer = teacher.depth - 1 if options.teacher_layer is None else options.teacher_layer
    refuse_beyond((layer,), teacher.depth, option="teacher_layer")
    return teacher.projections(layer), student.projections(student.depth - 1)


def _refuse_moved(one: Inside, caught: Caught, shape: Sequence[int]) -> None:
    """BadRequest for a network whose layers don't hold one vector a token, in the order of the tokens."""
    for tensor in (*caught.states.values(), *caught.projected.values()):
        if tensor.ndim != 3 or tensor.shape[:2] != tuple(shape):
            raise BadRequest(
                f"{one.port}: layers of {one.net.config.model_type} networks hold no vector for each token "
                "of a text, in order; use distill/logit-kd or sequence-kd."
            )


def _refuse_pieces(one: Inside, width: int, heads: int) -> None:
    if width % heads:
        raise BadRequest(
            f"relation_heads: the {one.port}'s queries have {width} numbers, which {heads} doesn't divide; "
            "take a number that divides the queries of both."
        )


def _float32() -> "torch.dtype":
    import torch

    return torch.float32
