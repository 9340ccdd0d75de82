"""`mq serve`: gateways through which clients of SQS use the store, in one process."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mq.cli.context import current_context
from mq.commands import Command, SingleCommand
from store.model.errors import BadInput

SQS_PORT = 9324
_PORTS = {"--sqs": SQS_PORT, "--amqp": 5672, "--kafka": 9092}
_LATER = {"--amqp": "AMQP 0-9-1", "--kafka": "Kafka"}


class _ServeCommand(Command):
    """Reads a gateway's option with or without its port."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words: list[str] = []
        for word, following in zip(args, [*args[1:], ""], strict=True):
            words.append(word)
            if word in _PORTS and not following.isdigit():
                words.append(str(_PORTS[word]))
        return super().parse_args(ctx, words)


app = SingleCommand()

Port = Annotated[
    int | None,
    typer.Option("--sqs", min=0, max=65_535, metavar="[PORT]", help="SQS, on this port (9324)."),
]


@app.command(cls=_ServeCommand)
def serve(
    sqs: Port = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for a line per gateway, once all listen."),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="A line per request.")] = False,
) -> None:
    """Serve the store to unmodified clients, until ctrl+c or SIGTERM.

    SQS clients reach it at http://127.0.0.1:9324 with any region and any credentials. The store
    stays open to every other command meanwhile.
    """
    context = current_context()
    try:
        from mq.serve.server import ServeOptions, serve as serve_store
    except ImportError as error:
        raise BadInput(
            f"mq serve needs the package {error.name}", hint="pip install 'mq[serve]'"
        ) from None
    options = ServeOptions(SQS_PORT if sqs is None else sqs, host, port_file)

    def announce(ports: dict[str, int]) -> None:
        for name, port in ports.items():
            context.diagnostics.note(
                f"{name} on http://{host}:{port}; signatures are ignored without --credentials"
            )

    tell = context.diagnostics.note if verbose else None
    serve_store(context.open_file, options, announce, tell)
