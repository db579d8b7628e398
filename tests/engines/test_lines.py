"""Plain lines: what a pod's log or CI shows of a running task."""

from slmworks.engines import lines
from slmworks.engines.lines import Lines, clock


def test_progress_is_said_every_ten_seconds_with_rate_time_left_and_metrics(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(lines.time, "monotonic", lambda: now[0])
    said: list[str] = []
    task = Lines("teacher", said.append)
    task.event({"event": "progress", "done": 0, "total": 1000, "unit": "rows", "note": "epoch 1/2"})
    task.event({"event": "metrics", "step": 1, "metrics": {"loss": 0.41}})
    now[0] += 5
    task.event({"event": "progress", "done": 100, "total": 1000, "unit": "rows", "note": "epoch 1/2"})
    now[0] += 5
    task.event({"event": "progress", "done": 200, "total": 1000, "unit": "rows", "note": "epoch 1/2"})
    task.event({"event": "line", "line": "best epoch 1"})
    assert said == [
        "teacher: epoch 1/2 0/1,000 rows",
        "teacher: epoch 1/2 200/1,000 rows 20 rows/s eta 40 s loss 0.41",
        "teacher: best epoch 1",
    ]


def test_times_are_short() -> None:
    assert [clock(s) for s in (0.42, 12.3, 84, 3723)] == ["0.4 s", "12 s", "1:24", "1:02:03"]
