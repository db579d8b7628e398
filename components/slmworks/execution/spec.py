"""What an engine tells a task: one JSON document."""

import base64
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from slmworks.contract.errors import BadRequest


class TaskSpec(BaseModel):
    """What an engine tells a task. JSON inside base64, because some schedulers template strings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    id: str
    step: str
    stage: str
    plugin: str
    options: dict[str, Any] = {}
    code: str = ""
    """Code digest that the plan was made with; empty: any."""
    sources: dict[str, dict[str, Any]] = {}
    store: str
    threads: int = 1
    seed: int = 0
    fresh: bool = False
    """Run it even if it was done before."""
    brought: str = ""
    """Identity of a fetch whose local files went into the store before: it is only found again."""
    recipe: str = ""
    """Name of the recipe, for a run that no engine of ours watches."""

    def encode(self) -> str:
        """The spec as one word for a command line."""
        return base64.b64encode(self.model_dump_json().encode()).decode()

    @classmethod
    def decode(cls, word: str) -> "TaskSpec":
        """Read `--spec`."""
        try:
            return cls.model_validate_json(base64.b64decode(word, validate=True))
        except (ValueError, ValidationError) as error:
            raise BadRequest(f"--spec: not a task spec ({str(error).splitlines()[0]}).") from None
