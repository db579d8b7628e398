"""Bearer tokens: which are taken, what a file of them may be, and that it is followed."""

import pytest

from slmworks.contract.errors import BadRequest
from slmworks_serve import tokens

ONE, OTHER = "correct-horse.battery~1", "staple/of+tokens=="


def opened(found, *values):
    return found.open_to([(b"host", b"localhost"), *((b"authorization", one.encode()) for one in values)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# for the shop\n{ONE}\n\n  {OTHER}  \n")
    return path


def test_each_token_opens_and_nothing_else_does(file):
    found = tokens.given(file)
    for right in (f"Bearer {ONE}", f"bearer {OTHER}", f"BEARER  {ONE}"):
        assert opened(found, right)
    for wrong in ("", ONE, f"Basic {ONE}", f"Bearer {ONE}x", f"Bearer {ONE[:-1]}", "Bearer", "Bearer ", f"Bearer {ONE} {ONE}",
                  f"Bearer {ONE.upper()}", "Bearer # for the shop"):  # fmt: skip
        assert not opened(found, wrong), wrong
    assert not opened(found)
    assert not opened(found, f"Bearer {ONE}", f"Bearer {ONE}")


def test_every_token_is_compared_and_in_constant_time(file, monkeypatch):
    compared = []
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda a, b: compared.append(len(a)) or a == b)
    found = tokens.given(file)
    assert opened(found, f"Bearer {ONE}")
    assert not opened(found, "Bearer x")
    assert compared == [32] * 4  # hashes: how long a token is doesn't show either


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no token; make one with"),
        ("# only a remark\n\n", "holds no token"),
        (f"{ONE}\nshort\n", "line 2: a token is 16 characters at least"),
        ("two words are no token\n", "line 1: a token is"),
        ("ümläute-im-geheimnis\n", "line 1: a token is"),
    ],
)
def test_what_is_no_token_is_refused_without_being_repeated(file, text, said):
    file.write_text(text)
    with pytest.raises(BadRequest) as refused:
        tokens.given(file)
    line = str(refused.value)
    assert said in line
    assert "\n" not in line
    assert not any(word in line for word in text.split() if word not in {"#", "token", "no", "a", "are"})


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(BadRequest, match="tokens cannot be read \\(No such file or directory\\)"):
        tokens.given(tmp_path / "tokens")


def test_the_environment_is_asked_where_no_file_is_named(file, monkeypatch):
    monkeypatch.delenv(tokens.VARIABLE, raising=False)
    assert tokens.given(None) is None
    monkeypatch.setenv(tokens.VARIABLE, "from-the-environment")
    assert opened(tokens.given(None), "Bearer from-the-environment")
    assert not opened(tokens.given(file), "Bearer from-the-environment")
    monkeypatch.setenv(tokens.VARIABLE, "")
    with pytest.raises(BadRequest, match="SLMWORKS_SERVE_TOKENS holds no token"):
        tokens.given(None)


def test_a_file_is_followed_also_by_way_of_a_link(file, monkeypatch, capsys):
    monkeypatch.setattr(tokens, "EVERY", 0)
    linked = file.parent / "linked"  # as Kubernetes mounts a Secret
    linked.symlink_to(file)
    found = tokens.given(linked)
    new = file.parent / "new"
    new.write_text("another-token-of-16\n")
    (file.parent / "link").symlink_to(new)
    (file.parent / "link").replace(linked)
    assert not opened(found, f"Bearer {ONE}")
    assert opened(found, "Bearer another-token-of-16")
    assert capsys.readouterr().err == ""


def test_a_file_that_is_emptied_lets_nobody_in_until_it_holds_tokens_again(file, monkeypatch, capsys):
    monkeypatch.setattr(tokens, "EVERY", 0)
    found = tokens.given(file)
    for spoil in (lambda: file.write_text(""), file.unlink):
        spoil()
        assert not opened(found, f"Bearer {ONE}")
        assert not opened(found, f"Bearer {ONE}")
        said = capsys.readouterr().err
        assert said.startswith("slmworks: nobody is let in: ")
        assert said.count("\n") == 1
        file.write_text(f"{ONE}\n")
        assert opened(found, f"Bearer {ONE}")
