"""The reviewer's packet of a verdict in a store, found by its digest."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Artifact, Report, Verdict
from slmworks.contract.catalog import traits
from slmworks.contract.costs import Costs
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_card import ModelCard
from slmworks.execution.origins import Origins
from slmworks.execution.records import RunRecord, TaskRecord, run_record, task_records
from slmworks.lineage.ancestry import Lineage, Node, lineage_of, nodes_of, way_back
from slmworks.lineage.ledgers import Listed, ledger
from slmworks.lineage.licences import Sources, sources_of
from slmworks.lineage.stopped import stopped_in
from slmworks.lineage.teacher_name import TeacherNames
from slmworks.packet.about import about
from slmworks.packet.data_card.described import CARD, read_card
from slmworks.packet.markdown import attention
from slmworks.packet.notice import limits
from slmworks.packet.running_costs import spent_of
from slmworks.packet.seeds import over_seeds
from slmworks.packet.sources import Content
from slmworks.packet.terms import Terms
from slmworks.packet.training import Trained, curves_of, early_end
from slmworks.store.contract import folder_or_none

if TYPE_CHECKING:
    from slmworks.packet import Background, Made
    from slmworks.store import Store


def packet(store: "Store", digest: str, run: str = "", *, brief: bool = False) -> tuple[str, str]:
    """The verdict as markdown and as an HTML page; that of a gate with a form of its own as its JSON.

    `run`: the one that is decided about, if not the first that came to this verdict. `brief`: less Markdown,
    for a form whose buttons stand below it.
    """
    from slmworks.packet import markdown, page
    from slmworks.packet.markdown_text import fenced
    from slmworks.packet.markup import el

    verdict = Verdict.open(store.folder(digest), digest=digest)
    if not isinstance(verdict, Verdict):
        return "", ""
    content, reports = verdict.read(), reports_of(store, verdict)
    try:
        behind = _background(store, verdict, reports, run)
        text = markdown(content, reports, behind, brief=brief)
        return text, page(content, reports, behind, digest=digest[:12])
    except (KeyError, TypeError, ValueError):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        notice = _notice(store, run, _run_of(store, digest, Origins(store)))
        shown = el("p", f"Attention: {notice}") if notice else ""
        text_page = f"<!doctype html><meta charset=utf-8>{shown}{el('pre', text)}"
        return f"{attention(notice)}\n\n{fenced(text, 'json')}".lstrip(), text_page


def reports_of(store: "Store", verdict: Verdict) -> list[Report]:
    """The reports that it decided on, and the champion's, as far as they are still there."""
    refs = [one for role, one in verdict.refs.items() if role == "champion" or role.startswith("report.")]
    folders = [(one, folder_or_none(store, one)) for one in dict.fromkeys(refs)]
    opened = [Artifact.open(folder, digest=one) for one, folder in folders if folder]
    return [report for report in opened if isinstance(report, Report)]


def _notice(store: "Store", run: str, first: RunRecord | None) -> str:
    return limits(run_record(store, run) if run else None) or limits(first)


def _background(store: "Store", verdict: Verdict, reports: Sequence[Report], decided: str) -> "Background":
    from slmworks.packet import Background
    from slmworks.packet.rows import texts
    from slmworks.packet.sources import nothing_known

    origins = Origins(store)
    way, run = lineage_of(store, verdict.digest, origins), _run_of(store, verdict.digest, origins)
    folders = ((folder_or_none(store, one), one) for one in _measured_on(reports))
    known = (pair for pair in folders if pair[0] and (pair[0] / CARD).exists())
    data, digest = next(known, (None, ""))
    model = verdict.refs.get("model", "")
    tasks = list(task_records(store, run.run)) if run else []
    asked, told = run, tasks
    if decided and (run is None or run.run != decided):
        asked, told = run_record(store, decided), list(task_records(store, decided))
    stopped = list(stopped_in(store, told))
    to_model = _way_to(store, model, origins)
    baseline = way_back(origins, _baselines(reports, model))
    compared = way_back(origins, [one for one in [verdict.refs.get("baseline_model")] if one])
    return Background(
        card=_card(data) if data else None,
        data=digest,
        texts=partial(texts, data) if data else nothing_known,
        model=to_model,
        verdict=way,
        ledgers=_ledgers(store, model, origins),
        baseline=baseline.keys(),
        made=_made(run, way, origins),
        notice=limits(asked) or limits(run),
        stopped=stopped,
        ways=nodes_of(origins, [one for each in stopped for one in (each.model, each.selection)]),
        about=about(run, tasks, verdict.digest, model),
        trained=_trained(run, tasks, to_model),
        seeds=_seeds(run, tasks),
        terms=_terms(sources_of(store, model, origins), asked, told),
        spent=spent_of(way_back(origins, [model]), compared, (run and run.costs) or Costs()),
    )


def _card(data: Path) -> Content:
    """What the data's card says; of one that can't be shown, why."""
    try:
        return read_card(data)
    except BadRequest as problem:  # a curate plugin from elsewhere wrote it
        return {"warnings": [str(problem).removeprefix(f"{data}: ").removesuffix(".")]}


def _seeds(run: RunRecord | None, tasks: Sequence[TaskRecord]) -> list[str]:
    if run is None or not any(task.get("seed") for task in run.plan):
        return []
    return over_seeds(run.plan, {task.task: task.manifest for task in tasks})


def _terms(sources: Sources, run: RunRecord | None, tasks: Sequence[TaskRecord]) -> Terms:
    """What the register step of the run that is decided about declares, and what the sources state."""
    options: Mapping[str, Any] = {}
    if run is not None:
        told = [edge.get("options", {}) for edge in run.plan if traits(edge["stage"]).registers]
        # an orchestrator's run has its plan when it is closed
        told += [one.options for one in tasks if one.traits.registers]
        options = next(filter(None, told), options)
    if not options:
        return Terms(None, sources)
    try:
        card = ModelCard.model_validate_json(json.dumps(options.get("card") or {}))
    except ValueError:  # a register plugin from elsewhere may mean something else by it
        card = ModelCard()
    shown = options.get("example")
    example = json.dumps(shown, ensure_ascii=False) if shown else ""
    if not example and options.get("example_row"):
        example = f"row {options['example_row']} of the split validation"
    return Terms(card, sources, example)


def _trained(run: RunRecord | None, tasks: Sequence[TaskRecord], way: Lineage | None) -> list["Trained"]:
    """The steps whose results the model was made from, as far as this run has a record of them."""
    if run is None or way is None:
        return []
    known = {task.task: task for task in tasks}
    upwards = {node.digest for node in _upwards(way.root, {}).values()}
    steps = [known[str(task["id"])] for task in run.plan if str(task["id"]) in known]
    return [
        Trained(
            one.task,
            f"{one.stage} {one.plugin}",
            one.options,
            curves_of(one.metrics),
            early_end(one.metrics),
        )
        for one in steps
        if one.manifest and one.manifest.digest in upwards
    ]


def _measured_on(reports: Sequence[Report]) -> list[str]:
    return list(dict.fromkeys(report.refs["data"] for report in reports if "data" in report.refs))


def _way_to(store: "Store", model: str, origins: Origins) -> Lineage | None:
    try:
        return lineage_of(store, model, origins)
    except BadRequest:  # nothing says how it was made
        return None


def _ledgers(store: "Store", model: str, origins: Origins) -> list[Listed]:
    """The ledgers that a model and what it was made from took from, by name of their teachers."""
    taken = (one.ledgers.values() for one in way_back(origins, [model]).values())
    names = TeacherNames(store, origins)
    found = [ledger(store, one, names) for one in {one for some in taken for one in some}]
    return sorted(found, key=lambda one: (one.teacher, one.kind, one.identity))


def _baselines(reports: Sequence[Report], model: str) -> list[str]:
    """What the speed of a model was measured beside."""
    speeds = (one for one in reports if one.meta.get("type") == "speed" and one.refs.get("model") == model)
    return [digest for one in speeds if (digest := one.read().get("baseline", {}).get("digest"))]


def _run_of(store: "Store", digest: str, origins: Origins) -> RunRecord | None:
    """The first run that came to an artifact."""
    first = origins.of([digest]).get(digest)
    return run_record(store, first.run) if first and first.run else None


def _made(run: RunRecord | None, way: Lineage, origins: Origins) -> "Made":
    from slmworks.packet import Made

    steps, packages = [], set()
    nodes = _upwards(way.root, {})
    known = origins.of(nodes)
    for node in nodes.values():
        if node.digest in known:
            by: Mapping[str, Any] = known[node.digest].manifest.producer
            origin = f"{by.get('distribution', '')} {by.get('version', '')}".strip()
            if by.get("distribution") and by.get("version"):
                packages.add(f"{by['distribution']}=={by['version']}")
            steps.append((node.made_by, origin, str(by.get("code", ""))[:12], node.digest[:12]))
    recipe, text = (run.file, run.text) if run else ("", "")
    return Made(recipe, text, tuple(sorted(packages)), tuple(steps))


def _upwards(node: Node, seen: dict[str, Node]) -> dict[str, Node]:
    """Digest -> node, sources first."""
    for edge in node.edges:
        if edge.node.digest not in seen:
            _upwards(edge.node, seen)
    seen[node.digest] = node
    return seen
