"""In-context learning: an instruction, examples and a grammar that a model answers with, without training.

They lie beside the weights, in `in_context.json`, and every runtime of generators puts them before the
conversation that it is asked (Brown et al., 2020). Nothing here needs slmworks or a library, but for the
nearest examples; what is wrong with a file or a row is raised as the class that the caller names.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from slmworks.model_tasks.text_generation.messages import (
    PROMPT,
    SYSTEM,
    TOOLS,
    asked_at,
    conversation,
    listed,
    problem,
)
from slmworks.model_tasks.text_generation.nearest import NearestTexts
from slmworks.model_tasks.text_generation.retrieval.index import TextIndex, opened_index

IN_CONTEXT = "in_context.json"
"""Name of the file in a model's folder."""
EXAMPLES = "examples"
"""Name of the folder with the index of the examples, where they are chosen by it."""
GRAMMARS = ("none", "object", "schema")

Example = Mapping[str, Any]
"""`messages` and `completion` of a training row."""


@dataclass(frozen=True)
class InContext:
    """What is put before a conversation, and what an answer must look like; empty for most models."""

    instruction: str = ""
    """Text of the system's turn, before the conversation's own."""
    examples: tuple[Example, ...] = ()
    """Rows that examples are taken from: the very ones, or all where the nearest ones are asked for."""
    count: int = 0
    """Examples in each prompt."""
    nearest: bool = False
    """The `count` rows nearest to the question, the nearest last (Liu et al., 2022)."""
    grammar: str = "none"
    """`object`: a JSON object; `schema`: JSON that follows the row's schema, or else `schema`."""
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the answers to rows that bring none."""
    max_new_tokens: int | None = None
    """Tokens of an answer at most; None for what the model itself says."""
    embedder: str | None = None
    """The rows are found in an index of their texts: digest of the embedding model that its vectors were made
    with, empty for an index of words alone. None: by TF-IDF, and without an index."""
    refused: type[Exception] = field(default=ValueError, compare=False)
    """Class of the error for a row that can't be asked so."""
    index: TextIndex | None = field(default=None, compare=False, repr=False)
    """The index in the folder, where `embedder` says that there is one; see `opened`."""

    @classmethod
    def read(cls, folder: Path, *, refused: type[Exception] = ValueError) -> "InContext":
        """What a model's folder says; an empty one without a file. `refused`: raised for what is wrong."""
        try:
            text = (folder / IN_CONTEXT).read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(refused=refused)
        except (OSError, ValueError) as error:
            raise refused(_damaged(f"cannot be read: {error}")) from error
        try:
            said = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise refused(_damaged(f"no JSON: {error}")) from error
        if found := _file_problem(said):
            raise refused(_damaged(found))
        return cls(**{**said, "examples": tuple(said["examples"])}, refused=refused)

    def opened(self, folder: Path, threads: int) -> "InContext":
        """The same with the index in its folder loaded, if it has one; `refused` for a damaged one."""
        if self.embedder is None:
            return self
        index = opened_index(
            TextIndex, folder / EXAMPLES, len(self.examples), threads,
            embedder=self.embedder, made_by="finetune/in-context", refused=self.refused,
        )  # fmt: skip
        return replace(self, index=index)

    def write(self, folder: Path) -> None:
        """Write the file; keys of a schema keep their order, in which llama.cpp writes them."""
        said = {
            "instruction": self.instruction,
            "count": self.count,
            "nearest": self.nearest,
            **({} if self.embedder is None else {"embedder": self.embedder}),
            "grammar": self.grammar,
            "schema": self.schema,
            "max_new_tokens": self.max_new_tokens,
            "examples": [dict(one) for one in self.examples],
        }
        text = json.dumps(said, indent=1, ensure_ascii=False) + "\n"
        (folder / IN_CONTEXT).write_text(text, encoding="utf-8")

    def chosen(self, row: Mapping[str, Any]) -> tuple[Example, ...]:
        """The examples of a row, as they stand before it; none where its messages are unsound."""
        messages = listed(row.get("messages"))
        if not self.nearest or not self.count:
            return self.examples[: self.count]
        if not messages or problem(messages):
            return ()
        return tuple(self.examples[place] for place in reversed(self._nearest(messages)))

    def row(self, row: Mapping[str, Any], examples: Sequence[Example] | None = None) -> Mapping[str, Any]:
        """The row with the instruction and examples before its turns. `examples`: None for those `chosen`."""
        messages = listed(row.get("messages"))
        if not messages or problem(messages) or not (self.count or self.instruction):
            return row  # what is wrong with its messages, its prompt says
        if any(one.get("role") == PROMPT for one in messages):
            raise self.refused(
                "the model answers with an instruction or examples, which are turns of a conversation, and "
                "the row is raw text (role 'prompt'); ask in a turn of the user."
            )
        tools = [one for one in messages if one.get("role") == TOOLS]
        said = [str(one["content"]) for one in messages if one.get("role") == SYSTEM]
        turns = [one for one in messages if one.get("role") not in (SYSTEM, TOOLS)]
        system = "\n\n".join(filter(None, [self.instruction, *said]))
        first = [{"role": SYSTEM, "content": system}] if system else []
        before = _turns(self.chosen(row) if examples is None else examples)
        return {**row, "messages": [*tools, *first, *before, *turns]}

    def encode(
        self,
        row: Mapping[str, Any],
        encode: Callable[[Mapping[str, Any]], list[int]],
        context: int,
        examples: Sequence[Example] | None = None,
    ) -> list[int]:
        """Token ids of a row's prompt, `examples` as in `row`.

        `context`: tokens that the model reads; 0 where there is no limit.
        """
        chosen = self.chosen(row) if examples is None else examples
        ids = encode(self.row(row, chosen))
        if not context or len(ids) < context or not self.count:
            return ids

        def fits(few: int) -> bool:
            left = chosen[len(chosen) - few :] if self.nearest else chosen[:few]
            return len(encode(self.row(row, left))) < context

        few = next(filter(fits, range(len(chosen) - 1, -1, -1)), None)
        if few is None:
            return ids  # the conversation alone is too long, which its runtime says
        raise self.refused(
            f"with {self.count} examples the prompt has {len(ids)} tokens, and the model reads {context} "
            f"with its answer: {few} of the examples fit; take that many at most (option "
            "`examples` of finetune/in-context), or shorter rows."
        )

    def json_schema(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """The JSON Schema that the answer to a row must follow; None for any text."""
        if self.grammar == "none":
            return None
        own = self._own(row) if self.grammar == "schema" and row.get("schema") else self.schema
        if own is None and self.grammar == "object":
            own = {"type": "object"}
        if own is None:
            return None
        return dict(own) if isinstance(own, dict) else {}

    def _own(self, row: Mapping[str, Any]) -> Any:
        """The row's own schema."""
        try:
            return json.loads(row["schema"])
        except (ValueError, RecursionError) as error:
            raise self.refused("the row's schema is no JSON; give a JSON Schema, or none.") from error

    def _nearest(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """Places of the `count` nearest rows, the nearest first; the first rows where no other is found."""
        if self.index is None:
            return self._known.of([conversation(messages)], self.count)[0]
        found = [one.place for one in self.index.hits(looked_up_by(messages), self.count)]
        others = (place for place in range(len(self.examples)) if place not in found)
        return [*found, *(next(others) for _ in range(self.count - len(found)))]

    @cached_property
    def _known(self) -> NearestTexts:
        return NearestTexts([conversation(example["messages"]) for example in self.examples])


def looked_up_by(messages: Sequence[Mapping[str, Any]]) -> str:
    """What stands for a conversation in an index: its last question, for an embedding model reads so far."""
    return str(messages[asked_at(messages)]["content"])


def _turns(examples: Sequence[Example]) -> list[Mapping[str, Any]]:
    """Questions and answers of the examples."""
    turns: list[Mapping[str, Any]] = []
    for example in examples:
        turns += [one for one in example["messages"] if one["role"] not in (SYSTEM, TOOLS)]
        turns.append({"role": "assistant", "content": example["completion"]})
    return turns


def _file_problem(said: Any) -> str:
    """What is wrong with the content of a file, in a few words; empty for a sound one."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "instruction": str,
        "count": int,
        "nearest": bool,
        "grammar": str,
        "schema": (dict, type(None)),
        "max_new_tokens": (int, type(None)),
        "examples": list,
    }
    if isinstance(said, dict) and "embedder" in said:
        kinds["embedder"] = str
    if not isinstance(said, dict) or said.keys() != kinds.keys():
        return f"it must have {', '.join(kinds)}, and nothing else"
    for key, kind in kinds.items():
        if not isinstance(said[key], kind) or (key == "max_new_tokens" and said[key] == 0):
            return f"'{key}' is of another kind"
    if said["grammar"] not in GRAMMARS:
        return f"'grammar' is none of {', '.join(GRAMMARS)}"
    if not all(map(_is_example, said["examples"])):
        return "an example has no messages or no completion"
    if not 0 <= said["count"] <= len(said["examples"]):
        return f"'count' is {said['count']}, and there are {len(said['examples'])} examples"
    return ""


def _is_example(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("completion"), str):
        return False
    turns = one.get("messages")
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(
            isinstance(turn, dict) and all(isinstance(turn.get(key), str) for key in ("role", "content"))
            for turn in turns
        )
    )


def _damaged(why: str) -> str:
    return f"{IN_CONTEXT} is damaged ({why}); make the model anew with finetune/in-context."
