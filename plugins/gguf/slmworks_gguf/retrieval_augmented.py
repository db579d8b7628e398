"""A candidate that isn't trained: the model as it is, asked with passages of documents."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt

from slmworks.contract.artifact import Artifact, Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks.model_tasks.feature_extraction.onnx import OnnxEmbedder
from slmworks.model_tasks.text_generation.in_context import IN_CONTEXT, InContext
from slmworks.model_tasks.text_generation.retrieval.index import EMBEDDER, INDEX, folder_digest
from slmworks.model_tasks.text_generation.retrieval.retrieval import (
    RETRIEVAL,
    RetrievalSettings,
    write_settings,
)
from slmworks_gguf import chunks, passages
from slmworks_gguf.in_context import hand_on, known_meta, training_rows, tried

CHUNK_TOKENS = 128
"""Tokens of a chunk where nothing is said and the embedding model reads as many."""


class RetrievalAugmentedGeneration(Finetune):
    """Ask a model with passages of documents instead of training it on them (Lewis et al., 2020).

    Documents are cut into chunks; those nearest to a question, by the cosine of embeddings (of 8 bits, all
    compared) and by BM25, fused by reciprocal rank, stand before it. The weights stay as they are: chunks,
    index and embedding model lie beside them, and both runtimes of generators ask with them.
    """

    reads: ClassVar = {"data": ("train",)}
    needs: ClassVar = frozenset({"documents", "embedder"})
    accepts: ClassVar = {"model": ("hf", "gguf"), "embedder": ("onnx",)}
    model_tasks: ClassVar = ("text-generation",)
    port_model_tasks: ClassVar = {"documents": "feature-extraction", "embedder": "feature-extraction"}
    makes_model_task: ClassVar = "text-generation"
    runs_models: ClassVar = True
    depends_on: ClassVar = ("numpy", "onnx", "onnxruntime", "tokenizers", "transformers", "xllamacpp")

    passages: PositiveInt = 3
    """Passages before each question at most."""
    chunk_tokens: PositiveInt | None = None
    """Tokens of a chunk at most, as the embedding model counts them; if not given, 128, or as many as it
    reads. Chunks of curate/documents are cut again only where they are longer than it reads, or than this."""
    overlap: NonNegativeInt | None = None
    """Tokens that a chunk shares with the one before; if not given, a quarter of `chunk_tokens`."""
    least: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The least cosine with the question that a passage must have to be put before it."""
    abstention: str = ""
    """The answer where no passage reaches `least`, or none fits beside the question; if empty, the model is
    asked without passages."""
    instruction: str = "Answer from these passages."
    """Text before the passages; empty for none."""
    max_new_tokens: PositiveInt | None = None
    """Tokens of an answer at most; if not given, what the model's header says, or 256."""

    def run(
        self, *, model: Model, documents: Artifact | None, embedder: Model | None, data: Dataset, task: Task
    ) -> Model:
        """Write the index beside the weights, and ask the longest training question once."""
        from slmworks.evaluate.about import about

        assert documents is not None  # `needs`
        assert embedder is not None
        rows = training_rows(data)
        texts, cut = chunks.documents(documents), chunks.are_chunks(documents)
        size, overlap = self.sizes(embedder.path, cut=cut)
        found = list(chunks.chunks(texts, plain_tokenizer(embedder.path), size, overlap, cut=cut))
        noun = "chunks of curate/documents" if cut else "documents"
        task.say(f"{len(texts):,} {noun} are {len(found):,} chunks of {size} tokens at most")
        hand_on(model.path, task.output, without=(RETRIEVAL, INDEX))
        self.write(task.output, embedder.path, found, task)
        meta = {**known_meta(model), "task": "text-generation", "prompting": self.name(model)}
        if self.max_new_tokens is not None:
            meta["max_new_tokens"] = self.max_new_tokens
            (task.output / IN_CONTEXT).unlink(missing_ok=True)  # a link
            in_context = InContext.read(model.path, refused=BadRequest)
            replace(in_context, max_new_tokens=self.max_new_tokens).write(task.output)
        made = Model(path=task.output, format=model.format, meta=meta)
        longest = tried(made, rows, threads=task.threads) if rows else 0
        counted = {"passages": len(found), "prompt_tokens": longest}
        counted |= {} if cut else {"documents": len(texts)}
        summary = {**counted, **about(made)}
        summary.pop("format")
        return replace(made, summary=summary)

    def name(self, model: Model) -> str:
        """How a table tells it from the model that it was made of: `RAG, 3 passages`."""
        before = str(model.meta.get("prompting", "")).partition("RAG")[0].removesuffix(" + ")
        own = f"RAG, {self.passages} passage{'s' if self.passages > 1 else ''}"
        return f"{before} + {own}" if before else own

    def sizes(self, embedder: Path, *, cut: bool = False) -> tuple[int, int]:
        """Tokens of a chunk, and those that it shares; BadRequest where the embedding model can't read it.

        `cut`: the documents are chunks already.
        """
        if not (embedder / "embedding.json").is_file():
            raise BadRequest(
                "finetune: embedder has no embedding.json, so it is no embedding model of slmworks; export "
                "one (stage: export, uses: onnx, of a model for feature-extraction)."
            )
        tokenizer = plain_tokenizer(embedder)
        reads = OnnxEmbedder(embedder).max_length - tokenizer.num_special_tokens_to_add(is_pair=False)
        size = self.chunk_tokens or (reads if cut else min(CHUNK_TOKENS, reads))
        if size > reads:
            raise BadRequest(
                f"finetune: chunk_tokens is {size}, and the embedding model reads {reads} tokens of a text; "
                f"take {reads} at most."
            )
        overlap = size // 4 if self.overlap is None else self.overlap
        if overlap >= size:
            raise BadRequest(
                f"finetune: overlap is {overlap}, and a chunk has {size} tokens; take {size - 1} at most."
            )
        return size, overlap

    def write(self, folder: Path, embedder: Path, found: Sequence[chunks.Chunk], task: Task) -> None:
        """Write `retrieval.json` and the index."""
        index = folder / INDEX
        (index / EMBEDDER).mkdir(parents=True)
        hand_on(embedder, index / EMBEDDER)
        opened, count = OnnxEmbedder(index / EMBEDDER, task.threads), len(found)
        passages.write(index, found, opened, lambda done: task.progress(done, count, unit="chunks"))
        settings = RetrievalSettings(
            embedder=folder_digest(index / EMBEDDER),
            passages=count,
            count=self.passages,
            least=float(self.least),
            instruction=self.instruction,
            abstention=self.abstention,
        )
        write_settings(settings, folder)


def plain_tokenizer(folder: Path) -> Any:
    """A folder's tokenizer, which neither cuts nor pads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
