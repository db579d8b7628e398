"""The harness, run without a network: what each row gave, by task and metric."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest, SlmworksError, in_a_line

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(model: Any, names: Sequence[str], folder: Path, **settings: Any) -> Mapping[str, Any]:
    """The harness's own results of the tasks in a folder; BadRequest for what it can't make of them."""
    from lm_eval.tasks import TaskManager

    from lm_eval import evaluator, utils

    utils.env = _sandboxed(utils.env)
    try:
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        found = evaluator.simple_evaluate(
            model=model,
            tasks=list(names),
            task_manager=manager,
            log_samples=True,
            bootstrap_iters=0,
            **settings,
        )
    except SlmworksError:
        raise
    except Exception as error:
        raise BadRequest(f"the harness can't run these tasks: {in_a_line(error, 200)}") from error
    return dict(found or {})


def metrics() -> Collection[str]:
    """Names of the metrics that the harness computes itself."""
    import lm_eval.api.metrics  # noqa: F401 - registers them
    from lm_eval.api.registry import metric_registry

    return frozenset(metric_registry.keys())


def offline(home: Path) -> None:
    """Before the harness and its libraries are imported: no hub, and data sets are read into `home`."""
    os.environ.update(OFFLINE | {"HF_HOME": str(home), "HF_DATASETS_CACHE": str(home / "datasets")})


def _sandboxed(env: Any) -> Any:
    """Templates of task files reach no Python: Jinja's sandbox with the harness's filters."""
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    safe = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    safe.filters.update(env.filters)
    return safe
