"""A served model says what is out of its scope, counts it, and hands it off to where somebody asked for it."""

import json
import sys
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from serving import Served

from releases import approve, built, register, word_counter
from s3 import s3, s3_server  # noqa: F401 - fixtures
from scoped import UNKNOWN, scoped
from slmworks.cli.main import main
from slmworks.contract.errors import BadRequest
from slmworks.store import open_store
from slmworks_serve import hand_off
from slmworks_serve.hand_off import ROWS, Bounds, HandOff, HandOffs, given
from slmworks_serve.openapi import openapi

IN, OUT, MAIL = "good again good", UNKNOWN[0], UNKNOWN[1]


@pytest.fixture(scope="module")
def approved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scoped")
    return built(scoped(folder), folder / "release")


@pytest.fixture
def handing(approved, tmp_path):
    """A server that hands off to `tmp_path / "kept"` within bounds; what is written is there once it ended."""

    def run(texts, **bounds):
        with Served(approved) as server:
            hand_offs = HandOff(str(tmp_path / "kept"), Bounds(**bounds)).opened(server.service)
            server.service.hand_offs = hand_offs
            hand_offs.start()
            for text in texts:
                server.post("classify", {"texts": text if isinstance(text, list) else [text]})
            hand_offs.stop()
            counted = {
                result: metric(server, f'hand_offs_total{{result="{result}"}}')
                for result in ("written", "dropped", "left out")
            }
        files = sorted((tmp_path / "kept").iterdir())
        return [json.loads(line) for file in files for line in file.read_text().splitlines()], counted

    return run


def metric(server, line):
    found = [one for one in server.text("metrics").splitlines() if one.startswith(f"slmworks_{line}")]
    return float(found[0].split()[-1]) if found else 0.0


def test_answers_say_it_and_metrics_count_it(approved):
    with Served(approved) as server:
        inside, outside = server.post("classify", {"texts": [IN, OUT]})["answers"]
        assert (inside["in_scope"], outside["in_scope"]) == (True, False)
        assert outside["label"]  # still there, for who wants to ask back
        assert inside["scope_score"] > outside["scope_score"]
        assert metric(server, 'out_of_scope_total{version="3"}') == 1
        assert server.get("ready")["scope"]["score"] == "energy"
        schema = openapi(server.service.model, server.service.limits)["components"]["schemas"]["One"]
        assert schema["properties"]["in_scope"]["type"] == "boolean"
        assert {"in_scope", "scope_score"} <= set(schema["required"])


def test_a_model_without_a_scope_answers_as_ever(tmp_path):
    with Served(built(word_counter(tmp_path / "model"), tmp_path / "release")) as server:
        assert "in_scope" not in server.post("classify", {"text": OUT})
        assert "in_scope" not in json.dumps(server.get("openapi.json"))
        with pytest.raises(
            BadRequest, match="reviews v3 knows none; add a step with stage: export, uses: scope"
        ):
            HandOff(str(tmp_path / "kept")).opened(server.service)


def test_the_signature_and_the_edge_bundle_have_it(tmp_path):
    store = open_store(str(tmp_path / "store"))
    release = register(store, scoped(tmp_path))
    approve(store)
    signature = json.loads((release.path / "MLmodel").read_text())["signature"]
    assert "in_scope" in [one["name"] for one in json.loads(signature["outputs"])]
    words = ["edge", "reviews", "--to", tmp_path / "edge", "--store", tmp_path / "store"]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 0
    import subprocess

    run = [sys.executable, "-c", 'import sys; sys.modules["slmworks"] = None; sys.argv[0] = "run.py"; '
           'import runpy; sys.path.insert(0, ""); runpy.run_path("run.py", run_name="__main__")', IN, OUT]  # fmt: skip
    said = subprocess.run(run, cwd=tmp_path / "edge", capture_output=True, text=True, check=True).stdout
    assert [json.loads(line)["in_scope"] for line in said.splitlines()] == [True, False]


def test_predict_has_a_column_and_says_how_many(tmp_path, capsys):
    store = open_store(str(tmp_path / "store"))
    register(store, scoped(tmp_path))
    approve(store)
    (tmp_path / "in.csv").write_text(f"text\n{IN}\n{OUT}\n")
    words = [
        "predict",
        "reviews",
        tmp_path / "in.csv",
        "-o",
        tmp_path / "out.csv",
        "--store",
        tmp_path / "store",
    ]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 0
    head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert "predicted_in_scope" in head.split(",")
    place = head.split(",").index("predicted_in_scope")
    assert [line.split(",")[place] for line in lines] == ["true", "false"]
    assert "1 texts (50.0%) are out of the model's scope" in capsys.readouterr().err


def test_hand_offs_are_redacted_json_lines_that_curate_takes(handing, tmp_path):
    rows, counted = handing([[IN, OUT], MAIL])
    assert [row["text"] for row in rows] == [OUT, "my mail is <EMAIL>"]
    assert all(row["version"] == 3 and row["answer"] and row["scope_score"] < 2 for row in rows)
    assert counted == {"written": 2, "dropped": 0, "left out": 0}
    (file,) = (tmp_path / "kept").iterdir()
    assert (file.suffix, file.stat().st_mode & 0o777) == (".jsonl", 0o600)

    from slmworks.contract.artifact import Files
    from slmworks.testing import Bench, sealed
    from slmworks_text.curate import CurateText

    raw = tmp_path / "raw"
    (raw / "transfer").mkdir(parents=True)
    (raw / "all").mkdir()
    (raw / "transfer" / file.name).write_bytes(file.read_bytes())
    labelled = "".join(f"{word} text {i},{word}\n" for i in range(30) for word in ("yes", "no"))
    (raw / "all" / "a.csv").write_text(f"text,label\n{labelled}")
    task = Bench(tmp_path / "bench").task("curate")
    data = CurateText().run(data=sealed(Files(path=raw)), task=task)
    assert data.summary["transfer"] == 2


def test_hand_offs_go_to_a_bucket_too(approved, s3):
    with Served(approved) as server:
        hand_offs = HandOff(f"{s3}/kept").opened(server.service)
        server.service.hand_offs = hand_offs
        hand_offs.start()
        server.post("classify", {"texts": [IN, OUT]})
        hand_offs.stop()
    store = open_store(f"{s3}/kept")
    (key,) = [key for key in store.list("") if key.endswith(".jsonl")]
    assert json.loads(store.read(key))["text"] == OUT


def test_hand_offs_are_bounded_in_rows_and_bytes(handing, tmp_path):
    rows, counted = handing([[OUT] * 5], rows=3)
    assert (len(rows), counted["written"], counted["dropped"]) == (3, 3, 2)
    before = sum(file.stat().st_size for file in (tmp_path / "kept").iterdir())
    rows, counted = handing([[OUT] * 5], bytes=before + 10)  # what lies there counts
    assert (len(rows), counted["written"], counted["dropped"]) == (3, 0, 5)


def test_hand_offs_are_sampled(handing):
    rows, counted = handing([[OUT] * 400], share=0.25)
    assert 50 < len(rows) < 150
    assert counted["left out"] == 400 - len(rows)


def test_a_place_that_fails_later_loses_no_answer(approved, tmp_path, capsys):
    with Served(approved) as server:
        hand_offs = HandOff(str(tmp_path / "kept")).opened(server.service)
        server.service.hand_offs = hand_offs
        hand_offs.start()
        (tmp_path / "kept").rmdir()
        assert server.post("classify", {"text": OUT})["in_scope"] is False
        hand_offs.stop()
        assert metric(server, 'hand_offs_total{result="dropped"}') == 1
    assert "hand-offs: [Errno 2] No such file or directory" in capsys.readouterr().err


def test_what_others_write_meanwhile_counts(handing, tmp_path):
    (tmp_path / "kept").mkdir()

    def texts():
        yield OUT
        (tmp_path / "kept" / "of-another-server.jsonl").write_text('{"text": "' + "x" * 2000 + '"}\n')

    rows, counted = handing(texts(), bytes=1500)
    assert (len(rows), counted["written"], counted["dropped"]) == (1, 0, 1)


class Hanging:
    """A place that takes nothing until it is let go."""

    def __init__(self):
        self.free = threading.Event()

    def sizes(self, prefix):
        return {}

    def write(self, key, data):
        self.free.wait()


class Failing(Hanging):
    """A place whose errors are none of ours."""

    def write(self, key, data):
        raise RuntimeError("the client's own")


def test_no_error_ends_the_writing_and_each_kind_is_said_once(approved):
    said, counted = [], Counter()
    with Served(approved) as server:
        served = server.service.model
        hand_offs = HandOffs(
            Failing(), Bounds(),
            redactor=SimpleNamespace(redact=lambda text: (text, {})),
            count=lambda result, rows: counted.update({result: rows}), say=said.append,
        )  # fmt: skip
        rows = [({"text": "a"}, {"label": "x"})] * ROWS
        broken = SimpleNamespace(brief=lambda answer: 1 / 0)
        hand_offs.start()
        hand_offs.offer(broken, rows[:2], served.served)
        hand_offs.offer(served.task, rows, served.served)
        hand_offs.offer(served.task, rows[:3], served.served)
        hand_offs.stop()
    assert counted == {"dropped": ROWS + 5}
    assert said == [
        "hand-offs: a question can't be written (ZeroDivisionError)",
        "hand-offs: the client's own",
    ]


def test_a_place_that_hangs_keeps_no_server_from_its_end(approved, monkeypatch):
    monkeypatch.setattr(hand_off, "ENDING", 0.2)
    said, place = [], Hanging()
    with Served(approved) as server:
        served = server.service.model
        redactor = SimpleNamespace(redact=lambda text: (text, {}))
        hand_offs = HandOffs(place, Bounds(), redactor=redactor, say=said.append)
        hand_offs.start()
        hand_offs.offer(
            served.task, [({"text": "a"}, {"label": "x"})] * (ROWS + hand_off.WAITING), served.served
        )
        hand_offs.stop()
        place.free.set()
    assert said == ["hand-offs: not all is written after 0 seconds; what waits is lost"]


@pytest.mark.parametrize(
    ("address", "bounds", "problem"),
    [
        (None, {"share": 0.5}, "--hand-off-share says how much is kept; say where: --hand-off PLACE"),
        ("kept", {"share": 2.0}, "--hand-off-share: Input should be less than or equal to 1"),
        ("kept", {"region": "Germany"}, "--hand-off-region: a country is two letters, upper case: DE"),
    ],
)
def test_bad_bounds_are_one_line(address, bounds, problem):
    with pytest.raises(BadRequest, match=problem):
        given(address, **bounds)


def test_bad_places_are_one_line(approved, tmp_path):
    (tmp_path / "file").write_text("")
    with Served(approved) as server:
        for address, problem in (
            (str(tmp_path / "file"), "no folder can be made there"),
            ("ftp://x/y", "name a folder or s3://bucket/prefix"),
        ):
            with pytest.raises(BadRequest, match=problem):
                HandOff(address).opened(server.service)
