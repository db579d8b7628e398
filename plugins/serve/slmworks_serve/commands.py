"""`slmworks serve` and `slmworks edge`: the commands that this family brings.

Imported to list commands too, so what takes time to import is imported inside.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slmworks.cli.console import say
from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line
from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks_serve.client import Exchange

_AT_LEAST_ONE = click.IntRange(min=1)
DRAFT = (
    "A smaller generator that guesses tokens ahead of this version: the digest of one in the store, as its "
    "deployment names it, or a folder."
)


@click.command(short_help="Serve an approved model over HTTP.")
@click.argument("name")
@click.option("--version", type=int, help="An approved version; default: the champion.")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    help="Serve what `slmworks pull` brought into this folder; no store is asked, no log followed.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--ask",
    "question",
    metavar="TEXT",
    help="Start, ask this one question over HTTP (a text, or inputs as JSON), print the answer, stop.",
)
@click.option(
    "--follow/--no-follow",
    default=True,
    show_default=True,
    help="Switch to the next champion (and back) as the approval log says; not with --version.",
)
@click.option("--threads", type=_AT_LEAST_ONE, help="Batches computed side by side; default: the cores.")
@click.option("--max-batch", type=_AT_LEAST_ONE, help="Texts computed together at most. [default: 32]")
@click.option("--max-texts", type=_AT_LEAST_ONE, help="Texts in one request. [default: 1000]")
@click.option("--max-characters", type=_AT_LEAST_ONE, help="Characters of one text. [default: 20000]")
@click.option("--max-body", type=_AT_LEAST_ONE, help="Bytes of one request. [default: 1048576]")
@click.option(
    "--max-bodies",
    type=_AT_LEAST_ONE,
    help="Bytes of long requests held at a time; then 503. [default: 64 MiB]",
)
@click.option(
    "--max-connections",
    type=_AT_LEAST_ONE,
    help="Connections with an open question; then 503. [default: 1000, or as many as may be open files]",
)
@click.option("--max-queue", type=_AT_LEAST_ONE, help="Texts that may wait; then 503. [default: 2000]")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to answer a request in. [default: 10]",
)
@click.option(
    "--prefix",
    default="",
    metavar="PATH",
    help="Path under which a gateway shows the server; default: as its X-Forwarded-Prefix says.",
)
@click.option(
    "--allowed-hosts",
    "hosts",
    multiple=True,
    metavar="NAMES",
    help="Names that the server is asked by (a.example,*.b.example; * for any), beside localhost and the "
    "address it listens at. Others are answered 421.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Ask for one of the bearer tokens in this file, one a line; followed when it changes. "
    "Default: those in SLMWORKS_SERVE_TOKENS, if it is set.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Give metrics and digests at a port of their own, which asks for no token.",
)
@click.option(
    "--slots", type=_AT_LEAST_ONE, help="Generated answers that are computed side by side. [default: 4]"
)
@click.option(
    "--context",
    type=_AT_LEAST_ONE,
    help="Tokens of a generated answer with its prompt. [default: 2048, or as many as the model reads]",
)
@click.option(
    "--max-tokens",
    type=_AT_LEAST_ONE,
    help="Tokens that a generated answer may be asked to have. [default: the context]",
)
@click.option(
    "--max-generations",
    type=_AT_LEAST_ONE,
    help="Answers that are generated or wait for it; then 503. [default: 16]",
)
@click.option(
    "--first-token-deadline",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to the first token of a generated answer. [default: 30]",
)
@click.option(
    "--answer-deadline",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to the end of a generated answer. [default: 120]",
)
@click.option("--draft", metavar="DIGEST", help=DRAFT)
@click.option(
    "--hand-off",
    metavar="PLACE",
    help="Keep questions that are out of the model's scope, personal data redacted, as JSON lines in this "
    "folder or s3://bucket/prefix.",
)
@click.option(
    "--hand-off-share",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of them that is kept, drawn at random. [default: 1]",
)
@click.option("--hand-off-rows", type=_AT_LEAST_ONE, help="Rows that this server writes. [default: 10000]")
@click.option("--hand-off-bytes", type=_AT_LEAST_ONE, help="Bytes that may lie there. [default: 64 MiB]")
@click.option(
    "--hand-off-region",
    help="Country whose national telephone numbers are redacted, upper case. [default: US]",
)
@click.option("--grace", type=_AT_LEAST_ONE, help="Seconds to finish when told to stop. [default: 10]")
@trusted_keys_option
@with_places()
def serve(
    name: str,
    version: int | None,
    folder: Path | None,
    host: str,
    port: int,
    question: str | None,
    follow: bool,  # noqa: FBT001 - a flag of the command line
    threads: int | None,
    prefix: str,
    hosts: tuple[str, ...],
    token_file: Path | None,
    metrics_port: int | None,
    draft: str | None,
    hand_off: str | None,
    hand_off_share: float | None,
    hand_off_rows: int | None,
    hand_off_bytes: int | None,
    hand_off_region: str | None,
    places: Places,
    **limits: float | None,
) -> None:
    """Serve an approved version of NAME over HTTP. Refuses one that is not approved, or was edited."""
    from slmworks.machine.process import adopt_environment

    # Before a tokenizer is loaded: it would take every core for itself, whatever --threads says.
    adopt_environment(1)
    from slmworks_serve import client, run, tokens
    from slmworks_serve import draft as drafts
    from slmworks_serve import hand_off as hand_offs
    from slmworks_serve import hosts as host_names
    from slmworks_serve import prefix as prefixes
    from slmworks_serve.guard import Access
    from slmworks_serve.limits import Limits

    asked = Limits.model_validate({key: value for key, value in limits.items() if value is not None})
    shown: dict[str, Any] = {
        "host": host,
        "port": port,
        "threads": threads,
        "prefix": prefixes.given(prefix),
        "access": Access(host_names.given(hosts, host), tokens.given(token_file)),
        "metrics_port": metrics_port,
        "hand_off": hand_offs.given(
            hand_off,
            share=hand_off_share,
            rows=hand_off_rows,
            bytes=hand_off_bytes,
            region=hand_off_region,
        ),
    }
    if folder is not None:
        from slmworks.registry.pulled import pulled

        _refuse_beside_from()
        approved = pulled(folder, name)
        guessing = drafts.given(draft, None) if draft else None
        if question is None:
            run.serve_release(approved, **shown, limits=asked, draft=guessing)
        else:
            _show(name, client.ask_release(approved, question, draft=guessing))
        return
    store = places.store
    guessing = drafts.given(draft, store) if draft else None
    if question is None:
        run.serve(store, name, version, **shown, limits=asked, follow=follow, draft=guessing)
    else:
        _show(name, client.ask_once(store, name, version, question, draft=guessing))


def _refuse_beside_from() -> None:
    """BadRequest when the command line asks for something that only a store can give."""
    from slmworks.contract.errors import BadRequest

    here = click.get_current_context()
    options = {"version": "--version", "store_url": "--store", "engine_path": "--engine-file"}
    if here.params["follow"]:
        options["follow"] = "--follow"
    for name, option in options.items():
        if here.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise BadRequest(
                f"--from serves a folder that was pulled and asks no store: leave out {option} or --from."
            )


def _show(name: str, said: "Exchange") -> None:
    confidence = said.task.confidence(said.answer)
    sure = "" if confidence is None else f" ({confidence:.1%})"
    say(f"{name} v{said.ready['version']} at {said.address}")
    say(f"  {one_line(said.asked)}\n  → {one_line(said.task.brief(said.answer))}{sure}")


@click.command(short_help="Write an approved model as a folder that runs anywhere.")
@click.argument("name")
@click.argument("version", type=int, required=False)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="A folder that is made anew."
)
@click.option("--draft", metavar="DIGEST", help=DRAFT)
@trusted_keys_option
@with_places()
def edge(name: str, version: int | None, folder: Path, draft: str | None, places: Places) -> None:
    """Write an approved VERSION of NAME (default: the champion) as a folder that runs anywhere.

    It needs the packages of the model's runtime; nothing of slmworks. Refuses what is not approved, or was
    edited.
    """
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release
    from slmworks_serve.draft import given
    from slmworks_serve.edge import export, size

    registry = Registry(places.store)
    approved = approved_release(registry, name, version)
    number = approved.entry.version
    guessing = given(draft, places.store) if draft else None
    export(approved, registry.state(name).version(number).decided, folder, guessing)
    say(f"{name} v{number} in {folder} ({figures.size(size(folder))}): see {folder / 'README.md'}")
