"""Schedule of the local engine: the tasks that may start now, and their threads. Pure."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

from slmworks.contract.stage import Stage
from slmworks.recipe.plan import Plan, PlannedTask


@dataclass(frozen=True)
class Schedule:
    """Tasks of a plan side by side within a number of cores."""

    plan: Plan
    cores: int

    def ready(self, over: Container[str], running: Container[str]) -> list[PlannedTask]:
        """Tasks that have not begun and whose inputs are over, in the plan's order."""
        return [
            task
            for task in self.plan
            if task.id not in over and task.id not in running and all(need in over for need in task.needs)
        ]

    def starts(self, over: Container[str], running: Mapping[str, int]) -> list[tuple[PlannedTask, int]]:
        """Tasks to start now with their threads; `running`: id -> threads.

        Light tasks start at once. The others share the cores, those with the most tasks behind them first. An
        exclusive task waits until nothing runs, and nothing starts beside it.
        """
        if any(self._traits(task).exclusive for task in running):
            return []
        ready = sorted(self.ready(over, running), key=lambda task: (-self._behind[task.id], task.id))
        found = [(task, 1) for task in ready if task.configured.light]
        free = self.cores - sum(threads for task, threads in running.items() if not self._traits(task).light)
        for task in (task for task in ready if not task.configured.light):
            exclusive = task.configured.exclusive
            if free < 1 or (exclusive and (running or found)):
                continue
            threads = min(free, task.configured.max_threads or free)
            found.append((task, threads))
            free -= threads
            if exclusive:
                break
        return found

    def _traits(self, task_id: str) -> Stage:
        return self.plan.tasks[task_id].configured

    @cached_property
    def _behind(self) -> dict[str, int]:
        """Task -> number of tasks that need it, directly or not."""
        return {task.id: len(self.plan.after(task.id)) for task in self.plan}
