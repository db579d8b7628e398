"""The spec of one task: the JSON document that an engine starts it with."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from slmworks.contract.errors import BadRequest, first_line
from slmworks.execution.encoded import pack, unpack


class TaskSpec(BaseModel):
    """One task: plugin, options, sources and store. Its inputs are given beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    id: str
    step: str
    stage: str
    plugin: str
    options: dict[str, Any] = {}
    code: str = ""
    """Code digest that the plan was made with; empty: any code."""
    sources: dict[str, dict[str, Any]] = {}
    store: str
    threads: int = 1
    seed: int = 0
    fresh: bool = False
    """Run it even if its result is cached."""
    names: dict[str, tuple[str, ...]] = {}
    """Joining port of reports -> the step that made the model of each of them."""
    brought: str = ""
    """Identity of a fetch whose local files are in the store already: its result is found, never made."""
    workers: dict[str, Any] = {}
    """Engine that brings workers, and its options, for a plugin that can spread its work; empty: none."""
    recipe: str = ""
    """Name of the recipe, for the run's record where no engine of ours writes it."""
    user: str = ""
    """Who started the run, for the same record; empty where the orchestrator doesn't say."""

    def encode(self) -> str:
        """The spec as one argument of a command line."""
        unsaid = {word for word in ("names", "workers", "user") if not getattr(self, word)}
        return pack(self.model_dump(mode="json", exclude=unsaid))

    @classmethod
    def decode(cls, argument: str) -> "TaskSpec":
        """The spec that `encode` gave; BadRequest for anything else."""
        try:
            return cls.model_validate(unpack(argument))
        except (BadRequest, ValidationError) as error:
            raise BadRequest(f"--spec: not a task spec ({first_line(error)}).") from None
