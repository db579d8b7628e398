"""Signatures of the log: who holds a key decides what is served, not who may write to the store."""

import json
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from releases import BY, register, word_counter
from slmworks.contract.errors import BadRequest
from slmworks.registry import signatures
from slmworks.registry.log import Registry
from slmworks.registry.pulled import APPROVAL, pull, pulled
from slmworks.registry.release import approved_release
from slmworks.store import open_store

PEM = serialization.Encoding.PEM


def private_pem(key, password=None):
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, how)


def public_pem(key):
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def keys(tmp_path):
    """Name -> paths of the private and the public key."""
    found = {}
    for name in ("ada", "eve"):
        key = ed25519.Ed25519PrivateKey.generate()
        found[name] = (tmp_path / f"{name}.pem", tmp_path / f"{name}.public.pem")
        found[name][0].write_bytes(private_pem(key))
        found[name][1].write_bytes(public_pem(key))
    return found


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    for name in (signatures.SIGNING, signatures.TRUSTED):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def store(tmp_path):
    """Two registered versions."""
    store = open_store(str(tmp_path / "store"))
    for number in (1, 2):
        register(store, word_counter(tmp_path / f"model-{number}", float(number)))
    return store


@pytest.fixture
def sign(keys, monkeypatch):
    """Sign from now on as this person; '' for nobody."""

    def by(who):
        if who:
            monkeypatch.setenv(signatures.SIGNING, str(keys[who][0]))
        else:
            monkeypatch.delenv(signatures.SIGNING, raising=False)

    return by


@pytest.fixture
def trust(keys, monkeypatch):
    """Demand a signature of one of these people."""

    def those(*who):
        path = keys["ada"][1].with_name("trusted.pem")
        path.write_bytes(b"".join(keys[one][1].read_bytes() for one in who))
        monkeypatch.setenv(signatures.TRUSTED, str(path))

    return those


def entry_path(store, seq):
    return store.root / "registry" / "reviews" / f"{seq:06d}.json"


def rewrite(path, **changes):
    path.chmod(0o644)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_signed_release_is_served_and_pulled_and_checked_where_it_was_pulled_to(
    tmp_path, store, sign, trust
):
    sign("ada")
    Registry(store).approve("reviews", 1, **BY, why="good")
    sign("")
    trust("ada")
    assert approved_release(Registry(store), "reviews").entry.version == 1
    pull(Registry(store), "reviews", tmp_path / "here")
    assert pulled(tmp_path / "here", "reviews").entry.version == 1


def test_an_unsigned_release_is_refused_everywhere_with_the_way_out(tmp_path, store, trust):
    registry = Registry(store)
    registry.approve("reviews", 1, **BY, why="good")
    pull(registry, "reviews", tmp_path / "before")
    trust("ada")
    line = (
        r"^reviews v1: its approval \(entry 000003, by ada\) is not signed, and SLMWORKS_TRUSTED_KEYS demands a "
        r"signature\. .*slmworks approve reviews 1 --because '…' --signing-key key\.pem$"
    )
    for asked in (
        lambda: approved_release(registry, "reviews"),
        lambda: pull(registry, "reviews", tmp_path / "after"),
        lambda: pulled(tmp_path / "before", "reviews"),
    ):
        with pytest.raises(BadRequest, match=line):
            asked()
    assert not (tmp_path / "after").exists()


def test_a_signature_of_somebody_else_is_refused(store, sign, trust):
    sign("eve")
    Registry(store).approve("reviews", 1, **BY, why="good")
    trust("ada")
    with pytest.raises(BadRequest, match=r"is signed with key [0-9a-f]{12}, which is not among the trusted"):
        approved_release(Registry(store), "reviews")
    trust("ada", "eve")
    approved_release(Registry(store), "reviews")


@pytest.mark.parametrize(
    "change",
    [
        {"who": "bob"},
        {"why": "no"},
        {"when": "2020-01-01T00:00:00.000+00:00"},
        {"verdict": "f" * 64},
        {"how": "airflow: signed in"},
        {"signature": "AAAA"},
        {"signature": "not base64"},
    ],
    ids=["who", "why", "when", "verdict", "how", "signature", "words"],
)
def test_every_field_is_signed(store, sign, trust, change):
    sign("ada")
    Registry(store).approve("reviews", 1, **BY, why="good")
    entry = Registry(store).state("reviews").entries[-1]
    trust("ada")
    assert signatures.flaw(entry, signatures.trusted()) == ""
    changed = entry.model_copy(update=change)
    assert signatures.flaw(changed, signatures.trusted()) == "was changed after it was signed"


def test_another_versions_signature_does_not_serve(store, sign, trust):
    """The signature covers name, version, digests and place: it can't be carried to another entry."""
    sign("ada")
    registry = Registry(store)
    signed = registry.approve("reviews", 1, **BY, why="good")
    sign("")
    registry.approve("reviews", 2, **BY, why="better")
    rewrite(entry_path(store, 4), key=signed.key, signature=signed.signature)
    trust("ada")
    with pytest.raises(BadRequest, match=r"v2: its approval .* was changed after it was signed"):
        approved_release(registry, "reviews")


@pytest.mark.parametrize("how", ["rollback", "reject"])
def test_an_unsigned_entry_brings_no_old_version_back(store, sign, trust, how):
    sign("ada")
    registry = Registry(store)
    registry.approve("reviews", 1, **BY, why="good")
    registry.approve("reviews", 2, **BY, why="better")
    sign("")
    trust("ada")
    assert approved_release(registry, "reviews").entry.version == 2
    if how == "rollback":
        registry.rollback("reviews", **BY, why="back")
    else:  # as whoever may write to the store could
        last = registry.state("reviews")
        forged = last.entries[-1].model_copy(
            update={"seq": 5, "action": "reject", "previous": last.head, "key": "", "signature": ""}
        )
        store.create("registry/reviews/000005.json", forged.model_dump_json().encode())
    assert registry.state("reviews").champion.number == 1
    with pytest.raises(
        BadRequest, match=rf"v1: the {how} that made it champion \(entry 000005, by ada\) is not"
    ):
        approved_release(registry, "reviews")


def test_a_champion_that_was_approved_without_a_key_is_approved_again_with_one(store, sign, trust):
    registry = Registry(store)
    registry.approve("reviews", 1, **BY, why="good")
    with pytest.raises(BadRequest, match="v1 was already approved"):
        registry.approve("reviews", 1, **BY, why="good")
    sign("ada")
    registry.approve("reviews", 1, **BY, why="good, and signed")
    state = registry.state("reviews")
    assert (state.champion.number, state.previous, state.champion.decided.seq) == (1, None, 4)
    with pytest.raises(BadRequest, match="v1 was already approved"):
        registry.approve("reviews", 1, **BY, why="once is enough")
    trust("ada")
    approved_release(registry, "reviews")


def test_registrations_are_signed_too_where_there_is_a_key(tmp_path, store, sign, trust):
    sign("ada")
    register(store, word_counter(tmp_path / "model-3", 3.0))
    trust("ada")
    first, _, third = Registry(store).state("reviews").entries
    assert (signatures.flaw(first, signatures.trusted()), signatures.flaw(third, signatures.trusted())) == (
        "is not signed",
        "",
    )


def test_the_key_itself_may_stand_in_the_variable_and_is_written_nowhere(tmp_path, store, keys, monkeypatch):
    secret = keys["ada"][0].read_text()
    monkeypatch.setenv(signatures.SIGNING, secret)
    monkeypatch.setenv(signatures.TRUSTED, keys["ada"][1].read_text())
    Registry(store).approve("reviews", 1, **BY, why="good")
    pull(Registry(store), "reviews", tmp_path / "here")
    inner = secret.splitlines()[1].encode()
    for folder in (store.root, tmp_path / "here"):
        assert not [path for path in folder.rglob("*") if path.is_file() and inner in path.read_bytes()]
    assert json.loads((tmp_path / "here" / APPROVAL).read_text())["approved"]["signature"]


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: b"nothing", "holds no private key in PEM form"),
        (lambda: private_pem(ec.generate_private_key(ec.SECP256R1())), "of another kind than Ed25519"),
        (lambda: private_pem(ed25519.Ed25519PrivateKey.generate(), b"pass"), "is encrypted"),
        (lambda: bytes([200, 201]), r"names no file that can be read \(not a PEM file\)"),
        (None, r"names no file that can be read \(No such file or directory\)"),
    ],
    ids=["words", "another-kind", "encrypted", "binary", "missing"],
)
def test_a_key_that_cannot_be_used_is_one_line_and_nothing_is_written(
    tmp_path, store, monkeypatch, made, line
):
    path = tmp_path / "key.pem"
    if made:
        path.write_bytes(made())
    monkeypatch.setenv(signatures.SIGNING, str(path))
    with pytest.raises(BadRequest, match=rf"^SLMWORKS_SIGNING_KEY: .*{line}.*openssl genpkey") as error:
        Registry(store).approve("reviews", 1, **BY, why="good")
    assert "\n" not in str(error.value)
    assert len(store.list("registry/reviews/")) == 2


def test_a_slip_in_a_key_is_not_repeated(store, monkeypatch):
    monkeypatch.setenv(signatures.SIGNING, "----BEGIN PRIVATE KEY-----\nc2VjcmV0\n")
    with pytest.raises(BadRequest) as error:
        Registry(store).approve("reviews", 1, **BY, why="good")
    assert "c2VjcmV0" not in str(error.value)


def test_keys_that_openssl_makes_are_taken_and_named_as_openssl_names_them(tmp_path, store, monkeypatch):
    def openssl(*words):
        return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path).stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    monkeypatch.setenv(signatures.SIGNING, str(tmp_path / "key.pem"))
    monkeypatch.setenv(signatures.TRUSTED, str(tmp_path / "public.pem"))
    entry = Registry(store).approve("reviews", 1, **BY, why="good")
    der = openssl("pkey", "-pubin", "-in", "public.pem", "-outform", "DER")
    (tmp_path / "der").write_bytes(der)
    assert openssl("dgst", "-sha256", "-r", "der").decode().split()[0] == entry.key
    approved_release(Registry(store), "reviews")


def test_the_commands_take_the_keys_as_files(tmp_path, store, keys):
    def slmworks(*words):
        command = ["python", "-m", "slmworks", *words, "--store", store.url]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLMWORKS")}
        return subprocess.run(
            [os.sys.executable, *command[1:]], capture_output=True, text=True, env=clean, check=False
        )

    (ada, ada_public), (_, eve_public) = keys["ada"], keys["eve"]
    said = slmworks(
        "approve", "reviews", "1", "--because", "good", "--tracking", "none", "--signing-key", str(ada)
    )
    assert (said.returncode, said.stderr) == (0, "")
    here = ("pull", "reviews", "--to", str(tmp_path / "here"), "--trusted-keys")
    said = slmworks(*here, str(eve_public))
    assert said.returncode == 2
    assert "which is not among the trusted ones" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert slmworks(*here, str(ada_public)).returncode == 0
    said = slmworks("models", "--audit", "--tracking", "none", "--trusted-keys", str(eve_public))
    assert said.returncode == 1
    assert "000003.json: approve by" in said.stdout
    said = slmworks("models", "--audit", "--tracking", "none", "--trusted-keys", str(ada_public))
    assert said.returncode == 0
    assert "1 of 1 decisions signed" in said.stdout
