"""`slmworks chat`: the command. Imported to list commands too, so what takes time is imported inside."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places
from slmworks_serve.commands import DRAFT

if TYPE_CHECKING:
    from slmworks_serve.chat_client import ChatServer


@click.command(short_help="Talk to an approved generator.")
@click.argument("name")
@click.option("--version", type=int, help="An approved version; default: the champion.")
@click.option("--url", metavar="ADDRESS", help="Ask a server that runs, instead of loading the model here.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="With --url: a file whose first line is its token."
)
@click.option("--system", default="", metavar="TEXT", help="What the model is told before the conversation.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="Tokens of an answer. [default: the model's own]"
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=0.0,
    show_default=True,
    help="0 takes the likeliest token each time.",
)
@click.option("--seed", type=int, help="Draws the same again, with a temperature.")
@click.option(
    "--context",
    type=click.IntRange(min=1),
    help="Tokens of the conversation. [default: 2048, or as many as the model reads]",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads; default: the cores.")
@click.option("--draft", metavar="DIGEST", help=DRAFT)
@trusted_keys_option
@with_places()
def chat(
    name: str,
    version: int | None,
    url: str | None,
    token_file: Path | None,
    system: str,
    max_tokens: int | None,
    temperature: float,
    seed: int | None,
    context: int | None,
    threads: int | None,
    draft: str | None,
    places: Places,
) -> None:
    """Talk to an approved version of NAME in the terminal; from a pipe, each line is a question.

    /reset begins a new conversation, /quit ends, Ctrl-C stops an answer.
    """
    from slmworks_serve.chat import Conversation, converse

    settings = {"model": name, "temperature": temperature, "max_tokens": max_tokens, "seed": seed}
    with contextlib.ExitStack() as stack:
        if url:
            _refuse_beside_url()
            server = _running(url, token_file)
        else:
            server = stack.enter_context(_loaded(places, name, version, context, threads, draft))
        converse(Conversation(server, settings, system), name)


def _running(url: str, token_file: Path | None) -> "ChatServer":
    from slmworks.contract.errors import BadRequest
    from slmworks_serve.chat_client import ChatServer

    if token_file is None:
        return ChatServer(url)
    try:
        lines = token_file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"the token file {token_file} cannot be read ({type(error).__name__}).") from None
    if not lines:
        raise BadRequest(f"{token_file} holds no token; write the server's token into its first line.")
    return ChatServer(url, lines[0])


@contextlib.contextmanager
def _loaded(
    places: Places,
    name: str,
    version: int | None,
    context: int | None,
    threads: int | None,
    draft: str | None,
) -> "Iterator[ChatServer]":
    """A server of an approved version in this process, for one conversation."""
    from slmworks.contract.errors import BadRequest
    from slmworks.machine.cores import usable_cores
    from slmworks.machine.process import adopt_environment
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release

    if threads is None:
        threads = usable_cores()
    adopt_environment(1)
    from slmworks_serve.chat_client import ChatServer
    from slmworks_serve.client import running
    from slmworks_serve.draft import given
    from slmworks_serve.limits import Limits
    from slmworks_serve.run import server

    approved = approved_release(Registry(places.store), name, version)
    # Not as if someone had asked for them: a classifier would refuse options that this command lacks.
    patient = Limits.model_construct(
        set(), slots=1, context=context or 0, first_token_deadline=3600, answer_deadline=3600, grace=1
    )
    guessing = given(draft, places.store) if draft else None
    service, once = server(approved, threads=threads, limits=patient, draft=guessing)
    if service.model.streaming is None:
        raise BadRequest(
            f"{name} v{service.model.served.version} is for {service.model.task.name}, and generates no text "
            f"piece by piece; ask it with  slmworks serve {name} --ask TEXT."
        )
    with running(once) as address:
        yield ChatServer(address)


def _refuse_beside_url() -> None:
    """BadRequest when the command line asks for something that only a model loaded here can have."""
    from slmworks.contract.errors import BadRequest

    here = click.get_current_context()
    options = {
        "version": "--version",
        "context": "--context",
        "threads": "--threads",
        "draft": "--draft",
        "store_url": "--store",
    }
    for name, option in options.items():
        if here.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise BadRequest(f"--url asks a server that runs: leave out {option} or --url.")
