"""A causal language model in a Hugging Face folder, computed by torch: greedy text."""

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from time import perf_counter
from typing import Any, ClassVar

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Continuation, Generated, Settings
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Likelihood, Timing
from slmworks.machine.quiet import quiet
from slmworks.model_tasks import hf_positions
from slmworks.model_tasks.hf_text import load_network
from slmworks.model_tasks.text_generation import hf_writing, likelihood, prompt
from slmworks.model_tasks.text_generation.asking import Asked, Asking
from slmworks.model_tasks.text_generation.hf_chat import ChatTokenizer, ends_of
from slmworks.model_tasks.text_generation.in_context import InContext
from slmworks.model_tasks.text_generation.scope import Sureness


class HfGenerator:
    """Answers from `AutoModelForCausalLM`, the likeliest token each time; never runs code from the folder.

    A batch is padded at the left, so that a row gets the same answer alone and in company. Settings of the
    folder for drawing tokens (temperature, penalties) don't count; the tokens that end an answer do.
    """

    packages: ClassVar[tuple[str, ...]] = ("jinja2", "tokenizers", "torch", "transformers")
    stands_alone: ClassVar[bool] = False

    def __init__(self, model: Model, threads: int) -> None:
        """Load the folder to compute with `threads` threads."""
        import torch

        self._asking = Asking.read(model.path, threads, refused=BadRequest)
        _require_free(self._asking.in_context)
        torch.set_num_threads(threads)
        self.chat = ChatTokenizer.open(model.path)
        """Tokenizer and chat template."""
        self.tokenizer = self.chat.tokenizer
        """transformers' tokenizer of the folder."""
        self.module = self.load(model)
        """The transformers model."""
        self.context = hf_positions.count(self.module)
        """Tokens that the model reads and writes together; 0 where there is no limit."""
        self.most = int(model.meta.get("max_new_tokens", prompt.MAX_NEW_TOKENS))
        """Tokens of an answer at most."""
        self.ends = ends_of(self.module, self.tokenizer)
        """Tokens that end an answer."""
        self.pad = self.ends[0] if self.ends else 0
        """Token that fills a batch up."""
        self._keeps_few = "logits_to_keep" in signature(self.module.forward).parameters
        self.module.generation_config = _greedy(self.ends, self.pad)

    @classmethod
    def open(cls, model: Model, *, threads: int) -> "HfGenerator":
        """Load a Model artifact."""
        return cls(model, threads)

    def load(self, model: Model) -> Any:
        """The network; a format of another kind of weights has its own."""
        return load_network(model.path, "AutoModelForCausalLM")

    def answer(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Answer `{"text", "finish", "tokens"}` for each row of one batch."""
        return [answer for answer, _ in self._answers(rows, judged=self._asking.scope is not None)]

    def sure_answers(self, rows: Sequence[Row]) -> list[tuple[dict[str, Any], Sureness]]:
        """What `answer` gives, and how sure each answer is by every score that the model has."""
        return self._answers(rows, judged=True)

    def _answers(self, rows: Sequence[Row], *, judged: bool) -> list[tuple[dict[str, Any], Sureness]]:
        """Answers of one batch, and how sure they are where that is `judged`: each is read once more."""
        asked = [self.asked(row) for row in rows]
        open_ones = [place for place, one in enumerate(asked) if not one.abstention]
        prompts = [asked[place].ids for place in open_ones]
        found: dict[int, list[int]] = {}
        for size, mine in self._by_room(prompts):
            said = self._generate([prompts[number] for number in mine], size)
            found.update(zip([open_ones[number] for number in mine], said, strict=True))
        return [
            self._judged(one, found[place], judged=judged)
            if place in found
            else (one.abstained(), one.unsure if judged else {})
            for place, one in enumerate(asked)
        ]

    def _judged(
        self, asked: Asked, tokens: Sequence[int], *, judged: bool
    ) -> tuple[dict[str, Any], Sureness]:
        answer = self._answer(tokens)
        if not judged:
            return asked.answered(answer, None), {}
        said = [token for token in tokens if token not in self.ends]
        logprobs = [-self._sum(asked.ids, said, ()).likelihood().nll / len(said)] if said else []
        return asked.answered(answer, logprobs), asked.sure(str(answer["text"]), logprobs)

    def timed(self, rows: Sequence[Row]) -> list[Timing]:
        """Answer rows as one batch, and say what each took, the judgement of its scope with it."""
        start = perf_counter()
        asked, judged = [self.asked(row) for row in rows], self._asking.scope is not None
        prompts = [one.ids for one in asked]
        found: dict[int, Timing] = {}
        written: dict[int, list[int]] = {}
        for size, mine in self._by_room(prompts):
            clock = _Clock()
            said = self._generate([prompts[place] for place in mine], size, clock)
            for place, tokens in zip(mine, said, strict=True):
                first, last = clock.ticks[0] - start, clock.ticks[len(tokens) - 1] - start
                found[place] = Timing(len(prompts[place]), first, len(tokens), last)
                written[place] = tokens
        for place, one in enumerate(asked):
            self._judged(one, written[place], judged=judged)
            if judged:
                found[place] = found[place]._replace(seconds=perf_counter() - start)
        return [found[place] for place in range(len(rows))]

    def _by_room(self, prompts: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int]]]:
        """Numbers of prompts by the tokens that their answers may have: positions beyond may not exist."""
        rooms = [prompt.room(len(ids), self.context, self.most) for ids in prompts]
        for size in sorted(set(rooms)):
            yield size, [place for place, one in enumerate(rooms) if one == size]

    def prompt(self, row: Row) -> str:
        """The text that is continued for a row."""
        return self.chat.prompt(self.asked(row).row)

    def encode(self, row: Row) -> list[int]:
        """Token ids of a row's prompt."""
        return self.asked(row).ids

    def asked(self, row: Row) -> Asked:
        """A row as the model is asked it, with examples and passages."""
        return self._asking.asked(row, self.chat.encode, self.context, self.most)

    def scored(self, rows: Sequence[Row]) -> list[Likelihood]:
        """The likelihood of each row's `completion`, row by row: nothing is padded."""
        return [one.likelihood() for one in self._sums(rows, self.ends)]

    def continued(self, rows: Sequence[Row]) -> list[Continuation]:
        """How likely each row's `completion` is behind its prompt, whatever follows."""
        return [one.continuation() for one in self._sums(rows, ())]

    def _sums(self, rows: Sequence[Row], ends: Sequence[int]) -> list[likelihood.Sum]:
        asked = [self._target(row) for row in rows]
        for ids, answer in asked:
            likelihood.require_room(len(ids), len(answer), self.context)
        return [self._sum(ids, answer, ends) for ids, answer in asked]

    def _target(self, row: Row) -> tuple[list[int], list[int]]:
        """Token ids of a row's prompt, and of its true answer."""
        rendered = prompt.prompt(self.asked(row).row, self.chat.templates, self.chat.special)
        return likelihood.target(rendered, str(row["completion"]), self.chat.ids)

    def _sum(self, ids: Sequence[int], answer: Sequence[int], ends: Sequence[int]) -> likelihood.Sum:
        import torch

        found = likelihood.Sum(answer, ends)
        kept = len(answer) + 1
        few = {"logits_to_keep": kept} if self._keeps_few else {}
        with quiet(), torch.inference_mode():
            logits = self.module(input_ids=torch.tensor([[*ids, *answer]]), use_cache=False, **few).logits
        found.add(logits[0, -kept:].float().numpy())
        return found

    def _generate(
        self, prompts: Sequence[Sequence[int]], most: int, clock: "_Clock | None" = None
    ) -> list[list[int]]:
        """At most so many tokens behind each prompt, the likeliest each time."""
        import torch

        longest = max(map(len, prompts))
        ids = [[self.pad] * (longest - len(one)) + list(one) for one in prompts]
        seen = [[0] * (longest - len(one)) + [1] * len(one) for one in prompts]
        with quiet(), torch.inference_mode():
            found = self.module.generate(
                input_ids=torch.tensor(ids),
                attention_mask=torch.tensor(seen),
                max_new_tokens=most,
                streamer=clock,
            )
        return [prompt.until_end(row, self.ends) for row in found[:, longest:].tolist()]

    def write(
        self, asked: Sequence[tuple[Row, Settings]], take: Callable[[int, Generated | BadRequest], None]
    ) -> None:
        """Answer rows with settings of their own, batch by batch; a row's draws depend on its seed alone."""
        hf_writing.write(self, asked, take)

    def price(self, generated: Generated) -> float:
        """Nothing."""
        return 0.0

    def text(self, tokens: Sequence[int]) -> str:
        """The text of generated tokens, without those that end an answer."""
        said = [token for token in tokens if token not in self.ends]
        return str(self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _answer(self, tokens: Sequence[int]) -> dict[str, Any]:
        return prompt.answer(self.text(tokens), tokens, self.ends)


def _require_free(found: InContext) -> None:
    """BadRequest for answers that a grammar constrains: transformers has none."""
    if found.grammar != "none":
        raise BadRequest(
            "the model's answers are held to a grammar, which llama.cpp does and transformers doesn't; write "
            "the model as GGUF first (stage: export, uses: gguf), and give that to finetune/in-context."
        )


class _Clock:
    """Notes when each token of a batch was there; in the form of transformers' streamers."""

    def __init__(self) -> None:
        self._prompt = True
        self.ticks: list[float] = []

    def put(self, _tokens: object) -> None:
        """Called with the prompt first, then with the next token of each row."""
        if not self._prompt:
            self.ticks.append(perf_counter())
        self._prompt = False

    def end(self) -> None:
        """Called behind the last token."""


def _greedy(ends: Sequence[int], pad: int) -> Any:
    """Settings in place of the folder's: what a call leaves open is taken from the network's own."""
    from transformers import GenerationConfig

    return GenerationConfig(do_sample=False, num_beams=1, eos_token_id=list(ends) or None, pad_token_id=pad)
