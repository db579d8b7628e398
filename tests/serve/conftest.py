"""A store with two versions of a model, the first of them approved, and servers of it."""

import pytest
from wire import Server

from generators import NAME, enter, generator
from releases import approve, register, two_versions, word_counter
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store


@pytest.fixture
def store(tmp_path):
    return two_versions(tmp_path)


@pytest.fixture
def start(store):
    started = []

    def begin(*words, **options):
        started.append(Server(store.url, *words, **options))
        return started[-1]

    yield begin
    for server in started:
        server.process.kill()
        server.process.communicate()


TOOLS_TOO = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def toy_gguf(tmp_path_factory):
    """A toy Llama's GGUF file that reads 8192 tokens."""
    from toys import exported, toy

    from slmworks.testing import Bench

    folder = tmp_path_factory.mktemp("toy")
    model = toy(folder / "llama", template=TOOLS_TOO, max_position_embeddings=8192)
    return exported(model, Bench(folder)).path / "model.gguf"


@pytest.fixture(scope="session")
def both_kinds(toy_gguf, tmp_path_factory):
    """A store with the toy under one name and a classifier under another, both approved."""
    folder = tmp_path_factory.mktemp("both")
    store = open_store(str(folder / "store"))
    enter(store, generator(toy_gguf, folder / "model", max_new_tokens=12))
    register(store, word_counter(folder / "words"))
    approve(store)
    return folder / "store"


@pytest.fixture(scope="session")
def generator_release(toy_gguf, tmp_path_factory):
    """An approved release of the toy."""
    folder = tmp_path_factory.mktemp("generator")
    store = open_store(str(folder / "store"))
    enter(store, generator(toy_gguf, folder / "model", max_new_tokens=12))
    return approved_release(Registry(store), NAME)


@pytest.fixture(scope="session")
def other_gguf(tmp_path_factory):
    """Another toy, of another shape."""
    from toys import exported, toy

    from slmworks.testing import Bench

    folder = tmp_path_factory.mktemp("other")
    model = toy(folder / "llama", max_position_embeddings=8192, num_hidden_layers=3)
    return exported(model, Bench(folder)).path / "model.gguf"
