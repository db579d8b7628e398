"""Measures of a generator by task files of EleutherAI's lm-evaluation-harness."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Files, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import share
from slmworks.contract.runtime import open_runtime
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, benchmark_report
from slmworks.numbers import statistics
from slmworks_lm_eval import harness, task_files

MODEL_TASK = "text-generation"
SCORE = share("score", "score", lambda _row, answer: (float(answer["score"]), 1.0))


class LmEval(Evaluate):
    """Run tasks of EleutherAI's lm-evaluation-harness (Gao et al., 2021) on a generator as it ships.

    `probes` are task files with their data beside them: no hub, no network, no Python of theirs is run. Each
    request is answered by the runtime that serves the model; the likelihood of a continuation is taken
    without the end of an answer, as the harness's own models have it. Intervals over rows: Wilson (1927) for
    right and wrong, Bayesian bootstrap (Rubin, 1981) for other means. The stage's `data` are not read.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"probes"})
    ignores: ClassVar[frozenset[str]] = frozenset({"data"})
    model_tasks: ClassVar[tuple[str, ...]] = (MODEL_TASK,)
    runs_models: ClassVar = True
    depends_on: ClassVar = ("lm-eval", "tokenizers", "torch", "transformers", "xllamacpp")

    prompts: Literal["text", "chat"] = "text"
    """`text`: a task's text is continued as it is, as published numbers are; `chat`: it is a user's turn."""
    shots: NonNegativeInt | None = None
    """Examples before each row; None: as the task says."""
    rows: PositiveInt | None = None
    """The first so many rows of each task; all, if nothing is said."""
    batch_size: PositiveInt = 16
    """Rows that are computed together."""
    resamples: PositiveInt = 1000
    """Least number of bootstrap resamples for an interval that has to be drawn."""

    def run(
        self,
        *,
        model: Model,
        data: Dataset | None = None,
        probes: Files | None = None,
        task: Task,
        **_: object,
    ) -> Report:
        """Write `report.json`, and `samples.parquet` with what each row gave."""
        assert probes is not None  # the stage's port is optional, and this plugin needs it
        tasks, home = task.scratch / "tasks", task.scratch / "home"
        tasks.mkdir()
        harness.offline(home)
        try:
            from slmworks_lm_eval.asked import Asked
        except ModuleNotFoundError as error:
            raise BadRequest(
                f"evaluate/lm-eval needs {error.name}: pip install 'slmworks-lm-eval[run]'"
            ) from error
        names = task_files.copied(probes, tasks, harness.metrics())
        purpose = catalog.model_task(MODEL_TASK)
        runtime = open_runtime(model, threads=task.threads, model_task=purpose.name)
        asked = Asked(
            runtime, task, role="prompt" if self.prompts == "text" else "user", batch_size=self.batch_size
        )
        found = harness.run(
            asked, names, tasks, num_fewshot=self.shots, limit=self.rows,
            random_seed=task.seed, numpy_random_seed=task.seed, torch_random_seed=task.seed,
            fewshot_random_seed=task.seed,
        )  # fmt: skip
        measured = {name: self._measures(found, name, task.seed) for name in names}
        _write(task, found, names)
        return benchmark_report.write(
            task.output,
            purpose=purpose,
            model=model,
            tasks={
                name: {"shots": found["n-shot"].get(name, 0), "measures": measures}
                for name, measures in measured.items()
            },
            said={"harness": str(found["lm_eval_version"]), "prompts": self.prompts},
            refs={"probes": probes.digest},
        )

    def _measures(self, found: Mapping[str, Any], name: str, seed: int) -> dict[str, dict[str, Any]]:
        """Metric -> value, with low, high and n where it is the mean of what the rows give."""
        import numpy as np

        results, measures = found["results"][name], {}
        higher = found.get("higher_is_better", {}).get(name, {})
        for key, value in results.items():
            metric, _, filtered = key.partition(",")
            if not filtered or metric.endswith("_stderr") or not isinstance(value, (int, float, np.floating)):
                continue
            rows = [one.get(metric) for one in found["samples"].get(name, ()) if one["filter"] == filtered]
            named = metric if filtered == "none" else f"{metric}.{filtered}"
            measures[named] = {"value": round(float(value), 6)}
            if rows and all(isinstance(one, (int, float, np.floating, np.bool_)) for one in rows):
                counts = np.array([(float(one), 1.0) for one in rows if one is not None])
                if abs(counts[:, 0].mean() - float(value)) < 1e-9:
                    estimate = statistics.estimate(counts, SCORE, resamples=self.resamples, seed=seed)
                    measures[named] = {**estimate.rounded(), "n": len(rows)}
            if higher.get(metric) is False:
                measures[named]["higher_is_better"] = False
        return measures


def _samples(found: Mapping[str, Any], names: list[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        for one in found["samples"].get(name, ()):
            for metric in one["metrics"]:
                if isinstance(one.get(metric), (int, float)):
                    yield {
                        "task": name,
                        "row": int(one["doc_id"]),
                        "metric": metric,
                        "filter": one["filter"],
                        "value": float(one[metric]),
                        "target": str(one["target"]),
                        "answer": str(one["filtered_resps"]),
                    }


def _write(task: Task, found: Mapping[str, Any], names: list[str]) -> None:
    """`samples.parquet`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [(name, pa.string()) for name in ("task", "metric", "filter", "target", "answer")]
    schema = pa.schema([*columns, ("row", pa.int64()), ("value", pa.float64())])
    rows = list(_samples(found, names))
    pq.write_table(
        pa.Table.from_pylist(rows, schema=schema), task.output / "samples.parquet", compression="zstd"
    )
