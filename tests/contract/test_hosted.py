"""The file of a hosted model: what is taken, and one line for what isn't, without repeating a key."""

import json
from pathlib import Path

import pytest

from slmworks.contract.artifact import Files, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.hosted import Hosted

SOUND = {"address": "https://api.example.com/v1", "model": "big-2026-05-01"}
KEY = "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2"


def write(folder: Path, name: str = "teacher.hosted.json", **keys) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(SOUND | keys))
    return path


def problem(folder: Path, **keys) -> str:
    with pytest.raises(BadRequest) as caught:
        Hosted.read(write(folder, **keys))
    return str(caught.value)


def test_any_file_of_the_ending_is_a_model_of_format_openai(tmp_path: Path) -> None:
    for name in ("hosted.json", "big.hosted.json", "model/a.hosted.json"):
        write(tmp_path / name.replace("/", "-") / "teacher", name)
        files = Files(path=tmp_path / name.replace("/", "-"), digest="d" * 64)
        found = Model.from_files(files)
        assert (found.format, found.digest, found.model_task) == ("openai", "d" * 64, "")
    (tmp_path / "no" / "teacher").mkdir(parents=True)
    (tmp_path / "no" / "teacher" / "unhosted.json").write_text("{}")
    with pytest.raises(BadRequest, match=r"or at a hosted model's NAME\.hosted\.json"):
        Model.from_files(Files(path=tmp_path / "no"))


def test_two_of_them_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "teacher", "a.hosted.json")
    write(tmp_path / "teacher", "b.hosted.json")
    with pytest.raises(BadRequest, match=r"holds 2 hosted models \(a\.hosted\.json, b\.hosted\.json\)"):
        Model.from_files(Files(path=tmp_path))


def test_the_ledger_knows_it_by_address_model_and_revision_only(tmp_path: Path) -> None:
    def known(**keys) -> str:
        write(tmp_path, **keys)
        return Model.from_files(Files(path=tmp_path, digest=str(sorted(keys)))).as_teacher

    prices = {"prompt": 1, "answer": 2.5, "currency": "EUR"}
    same = [
        known(),
        known(prices=prices, key="env:A", timeout_s=3, at_once=2),
        known(address="HTTPS://API.example.com/v1/"),
    ]
    others = [known(model="x"), known(address="https://api.example.com/v2"), known(revision="2")]
    assert len(set(same)) == 1
    assert len({same[0], *others}) == 4
    assert Model(path=tmp_path, digest="e" * 64).as_teacher == "e" * 64


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"adress": "x"}, "adress: no such key. Did you mean 'address'?"),
        ({"prices": {"prompt": 1, "answer": 1, "curency": "USD"}}, "prices.currency is missing."),
        (
            {"prices": {"prompt": -1, "answer": 1, "currency": "USD"}},
            "prices.prompt: input should be greater",
        ),
        ({"prices": {"prompt": 1, "answer": 1, "currency": "USD", "x": 1}}, "prices.x: no such key."),
        ({"address": "api.example.com"}, "address: no address; write https://HOST/v1."),
        (
            {"address": "http://api.example.com/v1"},
            "address: http would send the key and the texts in the open",
        ),
        (
            {"address": f"https://me:{KEY}@example.com/v1"},
            "address: no user, query or fragment belongs there",
        ),
        (
            {"address": f"https://example.com/v1?key={KEY}"},
            "address: no user, query or fragment belongs there",
        ),
        ({"address": "https://example.com/v1/chat/completions"}, "address: it ends where the routes begin"),
        ({"address": "https://[::1/v1"}, "address: no address"),
        ({"key": KEY}, "key: write env:NAME or file:/PATH, the place of the key and never the key itself."),
        ({"key": f"env:{KEY}"}, "key: write env:NAME or file:/PATH"),
        ({"key": "file:relative"}, "key: write env:NAME or file:/PATH"),
        ({"model": " "}, "model: string should match pattern"),
        ({"at_once": 0}, "at_once: input should be greater than 0"),
        ({"timeout_s": "9"}, "timeout_s: input should be a valid number"),
    ],
)
def test_what_is_wrong_is_a_line_without_values(tmp_path: Path, keys, line: str) -> None:
    said = problem(tmp_path, **keys)
    assert said.startswith(f"teacher.hosted.json: {line}")
    assert KEY not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"{", "no JSON ("), (b"\xff\xfe{", "no JSON ("), (b"[]", "input should be an object.")],
)
def test_what_is_no_json_object_is_a_line(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "hosted.json"
    path.write_bytes(content)
    with pytest.raises(BadRequest) as caught:
        Hosted.read(path)
    assert str(caught.value).startswith(f"hosted.json: {line}")


@pytest.mark.parametrize(
    "address", ["http://localhost:8000/v1", "http://127.0.0.1:8000/v1", "http://[::1]:8000/v1"]
)
def test_http_is_enough_for_this_machine(tmp_path: Path, address: str) -> None:
    found = Hosted.read(write(tmp_path, address=address))
    assert found.address == address
    assert found.here


def test_the_key_is_read_where_it_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BIG_KEY", f"{KEY}\n")
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert Hosted.read(write(tmp_path)).secret() is None
    assert Hosted.read(write(tmp_path, key="env:BIG_KEY")).secret() == KEY
    assert Hosted.read(write(tmp_path, key=f"file:{tmp_path}/key")).secret() == KEY
    assert KEY not in repr(Hosted.read(write(tmp_path, key="env:BIG_KEY")))


def test_a_missing_or_impossible_key_is_a_line(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(BadRequest) as caught:
        Hosted.read(write(tmp_path, key="env:NO_SUCH_KEY")).secret()
    assert str(caught.value) == (
        "api.example.com: there is no key at env:NO_SUCH_KEY; set NO_SUCH_KEY in the environment of the step."
    )
    with pytest.raises(BadRequest, match="write the key into that file"):
        Hosted.read(write(tmp_path, key=f"file:{tmp_path}/nothing")).secret()
    monkeypatch.setenv("BIG_KEY", f"{KEY}\r\nX-Other: 1")
    with pytest.raises(BadRequest) as caught:
        Hosted.read(write(tmp_path, key="env:BIG_KEY")).secret()
    assert KEY not in str(caught.value)
