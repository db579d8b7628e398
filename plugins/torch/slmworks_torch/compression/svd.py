"""Factorization of a network's linear layers by singular value decomposition."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.scope import require_no_scope
from slmworks.contract.stage import Task
from slmworks.factorize import Factorize
from slmworks_torch.compression.pruned import MODEL_TASKS

if TYPE_CHECKING:
    from slmworks_torch.compression.compressible import Calibration, Compressible
    from slmworks_torch.compression.decomposition import Layers
    from slmworks_torch.compression.ranks import Matrix, Ranks

Batches = Sequence["Calibration"]

BUDGET = 0.8
"""Share of all parameters that stays where nothing else says the ranks."""


class SvdFactorize(Factorize):
    """Replace linear layers by two thin ones each, cut by singular values (Denton et al., 2014).

    The result is an architecture of its own, read wherever slmworks-torch is installed. A layer stays whole
    where a rank r saves nothing: r (m + n) >= m n.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = MODEL_TASKS
    produces: ClassVar[str] = "hf"
    depends_on: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    method: Literal["plain", "whiten"] = "plain"
    """`plain` keeps a matrix's largest singular values; `whiten` those of the matrix times what the layer
    reads on `train`, so that its outputs move least (SVD-LLM, Wang et al., 2024); needs `data`."""
    energy: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of squared singular values that each layer keeps; one of `energy`, `budget` and `search`."""
    budget: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of all parameters of the model that stay, at most; 0.8 where none of the three is given."""
    search: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The same share, given to layers by how far the model's answers on `train` move when they are cut;
    needs `data`."""
    spread: Literal["even", "greedy"] = "even"
    """How a `budget` is spread: the same share for each layer, or where parameters keep most energy."""
    evaluations: Annotated[int, Field(ge=3)] = 64
    """Passes over the rows that `search` may make; neighbouring layers are cut together where there are
    more of them."""
    multiple: PositiveInt = 8
    """Ranks are multiples of this number."""
    embeddings: bool = False
    """Factorize the table of tokens too, and a head over all tokens; not where both are one."""
    rows: PositiveInt = 128
    """Rows of `train` that layers are measured on, and of `validation` for the distance in the summary."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("energy", "budget", "search") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} say the ranks in several ways; give one")
        return self

    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Choose ranks, factorize, and measure the distance from the whole model on `validation`."""
        from slmworks_torch import training
        from slmworks_torch.compression import compressible, decomposition, memory, pruned

        require_no_scope(model)
        training.prepare(task)
        whole = compressible.load(model)
        memory.own(whole.net)
        batches = self._batches(whole, data, task)
        layers = decomposition.layers_of(whole, embeddings=self.embeddings)
        self._say_experts(whole, task)
        layers = self._whitened(layers, batches)
        matrices = layers.matrices(task)
        self._require_room(matrices)
        ranks = self._ranks(layers, matrices, batches, task)
        if not ranks:
            raise BadRequest(
                f"{self._way}: no layer gets smaller with ranks that are a multiple of {self.multiple}; take "
                "a smaller share, or a smaller `multiple`."
            )
        before, summary = whole.parameters, _summary(matrices, ranks, whole.parameters)
        reference = pruned.reference(whole, data, self.rows, task)
        made = decomposition.rebuilt(layers, ranks)
        if reference.answers:
            summary["distance"] = round(made.apart(reference.answers), 6)
        sizes = {"parameters_before": before, "parameters": made.parameters}
        saved = made.made(task, {**sizes, "share": round(made.parameters / before, 4), **summary})
        decomposition.keep_tokenizer(whole, saved.path)
        return saved

    @property
    def _way(self) -> str:
        """The option that says the ranks."""
        given = (name for name in ("energy", "search") if getattr(self, name) is not None)
        return next(given, "budget")

    def _batches(self, whole: "Compressible", data: Dataset | None, task: Task) -> "Batches":
        """Rows of `train`, where layers are measured on them."""
        from slmworks_torch.compression.compressible import needed

        if self.method != "whiten" and self.search is None:
            return []
        what = (
            "whiten: it scales layers by what they read"
            if self.method == "whiten"
            else "search: it compares the model's answers"
        )
        return whole.calibration(
            needed(data, f"{what} on calibration rows, and there are no data"), "train", self.rows, task
        )

    def _say_experts(self, whole: "Compressible", task: Task) -> None:
        from slmworks_torch.compression.decomposition import experts

        if share := experts(whole.net):
            task.say(f"{share:.0%} of the parameters are experts in one tensor a layer: they stay whole.")

    def _whitened(self, layers: "Layers", batches: "Batches") -> "Layers":
        from dataclasses import replace

        from slmworks_torch.compression.factors import moments
        from slmworks_torch.compression.low_rank import is_linear

        if self.method == "plain":
            return layers
        names = [name for name, module in layers.modules.items() if is_linear(module)]
        return replace(layers, moments=moments(layers.view, names, batches))

    def _ranks(
        self, layers: "Layers", matrices: "Sequence[Matrix]", batches: "Batches", task: Task
    ) -> "Ranks":
        from slmworks_torch.compression import ranks
        from slmworks_torch.compression.search import search

        if self.energy is not None:
            return ranks.by_energy(matrices, self.energy, self.multiple)
        most = self._most(layers.view, matrices)
        if self.search is not None:
            return search(layers, matrices, most, self.multiple, batches, self.evaluations, task)
        spread = ranks.even if self.spread == "even" else ranks.greedy
        return spread(matrices, most, self.multiple)

    def _require_room(self, matrices: "Sequence[Matrix]") -> None:
        """BadRequest where the lowest rank is too high for every layer."""
        if any(one.saves(self.multiple) for one in matrices):
            return
        largest = max(matrices, key=lambda one: one.whole)
        raise BadRequest(
            f"multiple: the lowest rank is {self.multiple}, which makes no layer smaller (the largest has "
            f"{largest.rows} × {largest.columns} weights); take less."
        )

    def _most(self, whole: "Compressible", matrices: "Sequence[Matrix]") -> int:
        """Parameters that the matrices may have in all; BadRequest where even the lowest ranks have more."""
        from slmworks_torch.compression import ranks

        share = self.search or self.budget or BUDGET
        fixed = whole.parameters - sum(one.whole for one in matrices)
        lowest = (fixed + ranks.lowest(matrices, self.multiple)) / whole.parameters
        if lowest > share:
            raise BadRequest(
                f"{self._way}: {share:g} of the parameters is asked for, and with all ranks at "
                f"{self.multiple} {lowest:.3f} stay ({fixed / whole.parameters:.3f} are no linear "
                "layers that can be factorized); take more."
            )
        return int(share * whole.parameters) - fixed


def _summary(matrices: "Sequence[Matrix]", ranks: "Ranks", parameters: int) -> dict[str, Any]:
    """Layers by what became of them, and means over the factorized ones."""
    done = [one for one in matrices if one.name in ranks]
    shares = [ranks[one.name] / min(one.rows, one.columns) for one in done]
    kept = [one.kept(ranks[one.name]) for one in done]
    return {
        "layers_factorized": len(done),
        "layers_whole": len(matrices) - len(done),
        "factorizable": round(sum(one.whole for one in matrices) / parameters, 4),
        "rank_share": round(sum(shares) / len(done), 4),
        "energy_kept": round(sum(kept) / len(done), 4),
    }
