"""A candidate that isn't trained: the model as it is, asked with an instruction, examples and a grammar."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.linked_files import hand_on
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks.model_tasks.text_generation.in_context import EXAMPLES, IN_CONTEXT, InContext, looked_up_by
from slmworks.model_tasks.text_generation.messages import PROMPT, conversation, problem
from slmworks.model_tasks.text_generation.schema_option import JsonSchemaOrText

Row = Mapping[str, Any]


class InContextLearning(Finetune):
    """Ask a model with an instruction, examples and a grammar instead of training it (Brown et al., 2020).

    The weights stay as they are. What it is asked with lies beside them (`in_context.json`), and both
    runtimes of generators, so evaluation and server too, put it before each conversation.
    """

    reads: ClassVar = {"data": ("train",)}
    accepts: ClassVar = {"model": ("hf", "gguf"), "embedder": ("onnx",)}
    model_tasks: ClassVar = ("text-generation",)
    port_model_tasks: ClassVar = {"embedder": "feature-extraction"}
    makes_model_task: ClassVar = "text-generation"
    runs_models: ClassVar = True
    deterministic: ClassVar = True
    max_threads: ClassVar = 1
    depends_on: ClassVar = (
        "jinja2",
        "jsonschema",
        "numpy",
        "onnx",
        "onnxruntime",
        "scikit-learn",
        "tokenizers",
        "transformers",
        "xllamacpp",
    )

    instruction: str = ""
    """Text of the system's turn, before a row's own; empty for none."""
    examples: NonNegativeInt = 3
    """Training rows that stand before each question, with their answers; 0 for none."""
    choose: Literal["fixed", "nearest", "similar"] = "fixed"
    """`fixed`: the same for all questions, drawn by the seed, of different templates and lengths; computed
    once. `nearest`: those whose words are nearest to the question (TF-IDF), computed for each one. `similar`:
    those that an index of the training questions finds, by embeddings of `embedder` with BM25 fused in, or by
    BM25 alone where no `embedder` is given."""
    grammar: Literal["none", "object", "schema"] = "none"
    """What answers are held to, token by token, in format gguf: `object`, any JSON object; `schema`, a JSON
    Schema: that of the row where the data have a column `schema`, else `json_schema`."""
    json_schema: JsonSchemaOrText = ""
    """JSON Schema for `grammar: schema`, as a mapping or JSON text; if not given, and the data bring none,
    the types and keys of the training answers."""
    max_new_tokens: PositiveInt | None = None
    """Tokens of an answer at most; if not given, what the model's header says, or 256."""

    def run(self, *, model: Model, embedder: Model | None, data: Dataset, task: Task, **_: object) -> Model:
        """Hand the weights on, write `in_context.json`, and ask the longest training question once."""
        from slmworks.evaluate.about import about

        require_no_scope(model)
        rows = training_rows(data)
        found = self.in_context(rows, seed=task.seed)
        hand_on(model.path, task.output, without=(IN_CONTEXT, EXAMPLES))
        if self.choose == "similar" and self.examples:
            found = self._indexed(found, embedder, task)
        found.write(task.output)
        meta = {**known_meta(model), "task": "text-generation", "prompting": prompting(model, self.name())}
        if self.max_new_tokens is not None:
            meta["max_new_tokens"] = self.max_new_tokens
        made = Model(path=task.output, format=model.format, meta=meta)
        longest = tried(made, rows, threads=task.threads) if rows else 0
        summary = {"examples": self.examples, "prompt_tokens": longest, **about(made)}
        summary.pop("format")
        return replace(made, summary=summary)

    def name(self) -> str:
        """How a table tells it from the model that it was made of: `3-shot nearest + schema`."""
        shots = f"{self.examples}-shot" if self.examples else "zero-shot"
        chosen = f" {self.choose}" if self.examples and self.choose != "fixed" else ""
        return f"{shots}{chosen}" + (f" + {self.grammar}" if self.grammar != "none" else "")

    def in_context(self, rows: Sequence[Row], *, seed: int) -> InContext:
        """What the model is asked with, from training rows; BadRequest where they are too few."""
        from slmworks_gguf.examples import diverse

        able = [row for row in rows if row["messages"][0]["role"] != PROMPT]
        if self.examples > len(able):
            raise BadRequest(
                f"finetune: in-context asks for {self.examples} examples, and train has {len(able)} "
                f"conversations with an answer; take at most {len(able)} (`examples`)."
            )
        nearest = self.choose != "fixed" and self.examples > 0
        taken = able if nearest else diverse(able, self.examples, seed=seed)
        kept = tuple({"messages": row["messages"], "completion": row["completion"]} for row in taken)
        schema, most = self._schema(rows), self.max_new_tokens
        return InContext(self.instruction, kept, self.examples, nearest, self.grammar, schema, most)

    def _indexed(self, found: InContext, embedder: Model | None, task: Task) -> InContext:
        """The same with an index of its rows, written to the output."""
        from slmworks_gguf import passages

        folder, opened, digest = task.output / EXAMPLES, None, ""
        if embedder is None:
            folder.mkdir()
        else:
            opened, digest = passages.put_embedder(embedder, folder, threads=task.threads)
        texts = [looked_up_by(one["messages"]) for one in found.examples]
        passages.write_index(
            folder, texts, opened, lambda done: task.progress(done, len(texts), unit="examples")
        )
        return replace(found, embedder=digest)

    def _schema(self, rows: Sequence[Row]) -> Mapping[str, Any] | None:
        """The schema for rows that bring none; None where it isn't asked for, or the rows bring theirs."""
        if self.grammar != "schema":
            if self.json_schema:
                raise BadRequest(
                    "finetune: in-context has a `json_schema` and no use for it; say `grammar: schema`, or "
                    "leave it out."
                )
            return None
        if self.json_schema:
            said = self.json_schema
            return dict(json.loads(said)) if isinstance(said, str) else said
        return None if any(row.get("schema") for row in rows) else _inferred(rows)


def training_rows(data: Dataset) -> list[dict[str, Any]]:
    """The rows of `train` with an answer: `messages`, `completion`, and `schema` where the data have it."""
    names = ["messages", "completion", *(["schema"] if data.has("train", "schema") else [])]
    rows = data.rows("train", *names)
    return [row for row in rows if str(row["completion"] or "").strip() and not problem(row["messages"])]


def prompting(model: Model, shots: str) -> str:
    """How a model with such examples is asked, its passages included."""
    _, known, rest = str(model.meta.get("prompting", "")).partition("RAG")
    return f"{shots} + {known}{rest}" if known else shots


def known_meta(model: Model) -> dict[str, Any]:
    """A model's metadata, with what a GGUF file says of itself."""
    from slmworks_gguf import facts, gguf_file

    known = facts.of(gguf_file.read(gguf_file.the_file(model.path))) if model.format == "gguf" else {}
    return {**model.meta, **known}


def _inferred(rows: Sequence[Row]) -> Mapping[str, Any]:
    from slmworks.model_tasks.text_generation import json_answers
    from slmworks.model_tasks.text_generation.inferred_schema import schema_of

    values = [json_answers.parsed(row["completion"]) for row in rows]
    sound = [value for value in values if json_answers.structured(value)]
    if not sound or len(sound) < len(values):
        raise BadRequest(
            f"finetune: in-context has no schema for the answers: the data have no column `schema`, and "
            f"{len(values) - len(sound)} of {len(values)} training answers are no JSON object or list; give "
            "`json_schema`."
        )
    return schema_of(sound)


def tried(made: Model, rows: Sequence[Row], *, threads: int) -> int:
    """Tokens of the longest training question's prompt, asked for one token, so that a refusal comes now."""
    from slmworks.contract.runtime import open_runtime

    longest = max(rows, key=lambda row: len(conversation(row["messages"])))
    runtime: Any = open_runtime(made, threads=threads)
    tokens = len(runtime.encode(longest))
    runtime.most = 1
    runtime.answer([longest])
    return tokens
