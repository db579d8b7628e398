"""Recipe -> Airflow DAGs: one up to the approval and its record, and one for the steps behind it."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.build import Build, approvals, champion
from slmworks.engines.airflow.docs import dag_page, followed_by, runs_after
from slmworks.engines.airflow.form import RUN, fields
from slmworks.engines.airflow.line import Line
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe

if TYPE_CHECKING:
    from airflow.sdk import DAG, AssetAny

SOON = timedelta(minutes=10)
"""A scheduled time that is first seen later than this is left out."""


def render(
    recipe: str | Path,
    *,
    dag_id: str = "",
    schedule: Any = None,
    new_data_only: bool = False,
    paused: bool = False,
) -> "DAG":
    """The DAG of a recipe, up to the approval of its release and the record of that in the log.

    `schedule` is anything that Airflow takes: a cron line, `@weekly`, assets (`arrived(recipe)`). With
    `new_data_only` a run ends after fetching when an earlier run that ended well fetched the same bytes.
    `paused`: Airflow doesn't run it before somebody unpauses it, whatever Airflow's own setting is.
    """
    from airflow.sdk import Param
    from airflow.sdk.definitions.param import ParamsDict

    line = Line.read(recipe, new_data_only=new_data_only)
    form = {name: Param(said.pop("default"), **said) for name, said in fields(line.plan).items()}
    dag = _dag(
        line,
        dag_id or line.plan.recipe.name,
        schedule,
        doc_md=dag_page(line.plan, paused=paused),
        is_paused_upon_creation=True if paused else None,
    )
    Build(line, dag).first_segment([task for task in line.plan if not task.after_approval])
    dag.params = ParamsDict(form)
    return dag


def deploy(recipe: str | Path, *, dag_id: str = "", follows: "DAG | None" = None) -> "DAG":
    """The DAG of the steps behind the approval. It runs when a version of the recipe's model is approved.

    `follows`: the DAG that `render` made of the recipe; the pages of both then name each other.
    """
    from airflow.sdk import Param
    from airflow.sdk.definitions.param import ParamsDict

    from slmworks.engines.airflow.jobs import Approval

    line = Line.read(recipe)
    tasks = [task for task in line.plan if task.after_approval]
    approved = list(approvals(line))
    if len(approved) != 1:
        raise BadRequest(
            f"{line.plan.recipe.at('steps')}: {len(approved)} steps wait for an approval; a DAG for what "
            "follows needs exactly one `approve` step."
        )
    register = approved[0][1]
    model = str(register.options["name"])
    run = Param(
        None,
        type=["null", "string"],
        title="Run",
        description="The run whose release was approved; left out: the event's, or else the champion's.",
    )
    name = dag_id or f"deploy-{model}"
    when = runs_after(model, follows.dag_id, _page(follows.dag_id)) if follows else runs_after(model)
    dag = _dag(line, name, [champion(model)], max_active_runs=1, doc_md=dag_page(line.plan, when=when))
    if follows:
        follows.doc_md = f"{followed_by(name, _page(name))}\n\n{follows.doc_md or ''}"
    Build(line, dag, Approval(model, register.id)).second_segment(tasks)
    dag.params = ParamsDict({RUN: run})
    return dag


def arrived(recipe: str | Path) -> "AssetAny":
    """Assets of the recipe's sources that can change, for `schedule`: the DAG runs when one of them is new.

    An event comes from the DAG that writes the data, or from Airflow's API. BadRequest if all sources are
    pinned, so nothing can arrive.
    """
    from airflow.sdk import Asset, AssetAny

    found = Recipe.read(recipe)
    sources = [source for task in plan(found, look=False) for source in task.sources.values() if source.moves]
    if not sources:
        raise BadRequest(f"{found.at('steps')}: all that is fetched is pinned, so nothing new can arrive.")
    return AssetAny(*[Asset(uri) for uri in dict.fromkeys(source.uri for source in sources)])


def _timetable(schedule: Any) -> Any:
    """A schedule by the clock without Airflow's first, belated run.

    A cron line that is first seen soon after one of its times (for `@weekly`, within 17 hours) would run at
    once even without catching up: starting Airflow on a Sunday would start a training.
    """
    from airflow.sdk import CronTriggerTimetable

    if not isinstance(schedule, str) or schedule in ("@once", "@continuous"):
        return schedule
    return CronTriggerTimetable(schedule, timezone="UTC", run_immediately=SOON)


def _page(dag_id: str) -> str:
    """The path of a DAG's page at the API server."""
    from airflow.sdk.configuration import conf

    prefix = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return f"{prefix}/dags/{quote(dag_id, safe='')}"


def _dag(line: Line, dag_id: str, schedule: Any, **said: Any) -> "DAG":
    """A DAG without a form: Airflow copies the fields into every task that is added to one that has it."""
    from airflow.sdk import DAG

    settings, recipe = line.engine.settings.airflow, line.plan.recipe
    return DAG(
        dag_id,
        schedule=_timetable(schedule),
        description=recipe.description or None,
        tags=sorted({"slmworks", recipe.name, *settings.tags}),
        default_args={"owner": settings.owner},
        catchup=False,
        **said,
    )
