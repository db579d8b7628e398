"""A name that stands for several steps: who reads from it reads from each of them, as from a sweep."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from slmworks.recipe.plan import PlannedTask

if TYPE_CHECKING:
    from slmworks.recipe.step import Maker


class Gathered:
    """Steps of one stage under one name; the coordinate of that name says which one."""

    def __init__(self, name: str, members: Mapping[str, str], drafts: Mapping[str, "Maker"]) -> None:
        """`members`: label -> step."""
        first = drafts[next(iter(members.values()))]
        self.name, self.members = name, members
        self.stage, self.contract = first.stage, first.contract
        self.edges: dict[str, tuple[str, ...]] = {"": tuple(members.values())}

    def tasks(self, made: Mapping[str, list[PlannedTask]]) -> list[PlannedTask]:
        """The members' tasks, each at a place of its own."""
        return [
            replace(task, coordinates={self.name: label, **task.coordinates})
            for label, step in self.members.items()
            for task in made[step]
        ]
