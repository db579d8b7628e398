"""What a page is about, in one line: release, recipe, run, day, requester, machine, model."""

from collections.abc import Sequence
from dataclasses import dataclass

from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.packet.markup import Html, el, join


@dataclass(frozen=True)
class About:
    """Nothing of it is needed to read a verdict, and all of it to tell two printed ones apart."""

    release: str = ""
    """`reviews v3`; empty before it is registered."""
    recipe: str = ""
    run: str = ""
    started: str = ""
    """`2026-11-28 16:52 UTC`."""
    by: str = ""
    """Who started the run; empty where nobody is known."""
    host: str = ""
    """The machine that ran the last of its tasks."""
    model: str = ""
    """Digest of the model."""

    @property
    def name(self) -> str:
        """The release, or the recipe where there is none yet."""
        return self.release or self.recipe

    def line(self) -> Html:
        """All that is known, between dots."""
        known = [
            el("b", self.name) if self.name else "",
            f"recipe {self.recipe}" if self.recipe and self.release else "",
            f"run {self.run}" if self.run else "",
            self.started,
            f"by {self.by}" if self.by else "",
            f"on {self.host}" if self.host else "",
            el("code", f"sha256:{self.model[:12]}") if self.model else "",
        ]
        parts: list[object] = []
        for one in filter(None, known):
            parts += [" · ", one] if parts else [one]
        return el("p", *parts, class_="soft") if parts else Html("")


def about(run: RunRecord | None, tasks: Sequence[TaskRecord], verdict: str, model: str) -> About:
    """What is known of a verdict (its digest) and its model from the run that came to it."""
    if run is None:
        return About(model=model)
    registered = next((one for one in tasks if _registers(one, verdict)), None)
    meta = registered.manifest.meta if registered and registered.manifest else {}
    hosts = [one.host for one in tasks if one.host]
    return About(
        release=f"{meta['name']} v{meta['version']}" if meta else "",
        recipe=run.recipe,
        run=run.run,
        started=f"{run.started[:16].replace('T', ' ')} UTC",
        by=run.requester[0],
        host=hosts[-1] if hosts else "",
        model=model,
    )


def _registers(task: TaskRecord, verdict: str) -> bool:
    given = {digest for digests in task.inputs.values() for digest in digests}
    return bool(task.traits.registers and task.manifest and verdict in given)


def title(outcome: str, what: About | None) -> str:
    """Of the page's tab: what it is about, then how it went."""
    name = what.name if what else ""
    run = f" ({what.run})" if what and what.run else ""
    return f"{name}: {outcome}{run}" if name else f"Verdict: {outcome}"


def head(what: About | None) -> Html:
    """The line above the verdict; nothing where nothing is known."""
    return what.line() if what else join([])
