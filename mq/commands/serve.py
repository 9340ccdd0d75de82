"""`mq serve`: gateways through which clients of SQS use the store, in one process."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mq.cli.context import Context, current_context
from mq.commands import Command, SingleCommand
from store.model.errors import BadInput, Unsupported
from store.model.text import counted

if TYPE_CHECKING:
    from mq.serve.server import Reports
    from store import Store

_SQS_PORT = 9324
_PORTS = {"--sqs": _SQS_PORT, "--amqp": 5672, "--kafka": 9092}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class ServeCommand(Command):
    """Reads the option of a gateway with or without its port."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; a gateway without a port gets its usual one."""
        words: list[str] = []
        for word, following in zip(args, [*args[1:], ""], strict=True):
            words.append(word)
            if word in _PORTS and not following.lstrip("-").isdigit():
                words.append(str(_PORTS[word]))
        return super().parse_args(ctx, words)


app = SingleCommand()


def _port(option: str, help: str, metavar: str = "[PORT]") -> Any:
    return typer.Option(option, min=0, max=65_535, metavar=metavar, help=help)


@app.command(cls=ServeCommand)
def serve(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Topology files, applied first."),
    ] = None,
    sqs: Annotated[int | None, _port("--sqs", "Amazon SQS, on this port (9324).")] = None,
    amqp: Annotated[int | None, _port("--amqp", "AMQP 0-9-1; not in this version.")] = None,
    kafka: Annotated[int | None, _port("--kafka", "Kafka; not in this version.")] = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="A --host that other machines reach.")
    ] = False,
    credentials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Users and secrets; signatures are checked."),
    ] = None,
    port_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for a line per gateway, once all listen."),
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="A store of its own, gone at the end.")
    ] = False,
    metrics: Annotated[
        int | None, _port("--metrics", "Figures for Prometheus, and /health, on this port.", "PORT")
    ] = None,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Lost answers, closed connections and throttling.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line per request.")] = False,
) -> None:
    """Serve the store to unmodified clients of SQS, until ctrl+c or SIGTERM.

    They reach it at http://127.0.0.1:9324 with any region and any credentials. The store stays open
    to every other command meanwhile.
    """
    for option, port in (("--amqp", amqp), ("--kafka", kafka)):
        if port is not None:
            raise Unsupported(
                f"mq serve has no {option[2:]} in this version, only sqs",
                hint="mq serve --sqs",
                feature=option[2:],
            )
    if host not in _LOOPBACK and not (allow_remote and credentials):
        raise BadInput(
            f"--host {host} lets other machines in",
            hint="it needs --allow-remote and --credentials FILE",
        )
    context = current_context()
    try:
        from mq.serve import credentials as users
        from mq.serve.chaos import ServerChaos
        from mq.serve.server import ServeOptions, serve as serve_store
        from mq.serve.sqs.gateway import SqsOptions
    except ImportError as error:
        raise BadInput(
            f"mq serve needs the package {error.name}", hint="pip install 'mq[serve]'"
        ) from None
    secrets = None if credentials is None else users.read(credentials)
    options = ServeOptions(
        sqs=_SQS_PORT if sqs is None else sqs,
        metrics=metrics,
        host=host,
        port_file=port_file,
        sqs_options=SqsOptions(
            credentials=secrets,
            chaos=ServerChaos() if chaos else None,
            may_reset=memory,
            tell=context.diagnostics.note if verbose else None,
            problem=partial(_warn_of, context),
        ),
    )
    notes = [] if secrets is not None else ["signatures are ignored without --credentials"]
    if chaos:
        notes.append("with chaos")
    with _opening(context, files or [], memory=memory) as (open_store, location):
        requests = serve_store(open_store, options, _reports(context, host, location, notes))
    context.diagnostics.note(f"ended in order, after {counted(requests, 'request')}")


def _reports(context: Context, host: str, location: str, notes: list[str]) -> "Reports":
    from mq.serve.server import Reports

    def announce(ports: dict[str, int]) -> None:
        shown = f"[{host}]" if ":" in host else host
        places = ", ".join(f"{name} on http://{shown}:{port}" for name, port in ports.items())
        context.diagnostics.note("; ".join([f"{places} serves {location}", *notes]))

    return Reports(announce, partial(_warn_of, context))


def _warn_of(context: Context, error: Exception) -> None:
    context.diagnostics.warning(f"{type(error).__name__}: {error}; this is a bug in mq")
    if context.debug:
        context.diagnostics.traceback()


@contextmanager
def _opening(
    context: Context, files: list[str], *, memory: bool
) -> "Iterator[tuple[Callable[[], Store], str]]":
    """Prepare the store; the function opens it, and the text is its place."""
    if not memory:
        _apply(context, files)
        yield context.open_file, str(context.store_location().path)
        return
    if context.store is not None:
        raise BadInput("--memory has a store of its own", hint="leave out --store")
    with tempfile.TemporaryDirectory(prefix="mq-serve-") as folder:
        path = Path(folder, "store.db")
        context.open_store_at(path, create=True, durability="normal").close()
        context.store = str(path)
        _apply(context, files)
        yield context.open_file, "a store of its own"


def _apply(context: Context, files: list[str]) -> None:
    if files:
        from mq.cli.topology_files import read_sources
        from mq.commands.topology.apply import apply_sources

        apply_sources(context, read_sources(files))
