"""`mq import`: a definitions file of RabbitMQ as a topology."""

from typing import Annotated

import typer

from mq.cli.context import current_context
from mq.cli.topology_files import read_source
from mq.commands import SingleCommand
from mq.commands.topology.apply import apply_sources
from store.topology import writing
from store.topology.rabbitmq_definitions.conversion import convert
from store.topology.rabbitmq_definitions.definitions import LARGEST
from store.topology.reading import TopologyFile

app = SingleCommand()


@app.command("import")
def import_definitions(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A definitions file; - is stdin.")],
    vhost: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Virtual host, where the file has several."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="The topology applied instead of written.")
    ] = False,
) -> None:
    """Turn a definitions file of RabbitMQ into a topology: YAML on stdout, or JSON with -o json.

    Queues, streams (as topics), exchanges, bindings and policies carry over. The rest is listed on
    stderr, line by line, with the reasons. Messages are not in such a file.
    """
    context = current_context()
    source = read_source(file, LARGEST)
    topology, losses = convert(source.content, vhost)
    for loss in losses:
        context.diagnostics.warning(f"not carried over: {loss}")
    if apply:
        apply_sources(context, [TopologyFile(source.file, writing.yaml(topology).encode())])
    elif context.output.is_json:
        context.output.json_line(writing.document(topology))
    else:
        context.output.text(writing.yaml(topology))
