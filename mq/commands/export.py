"""`mq export`: the store as a topology file."""

from mq.commands import SingleCommand
from mq.context import current_context

app = SingleCommand()


@app.command()
def export() -> None:
    """Write everything in the store as a topology file: YAML, or JSON with -o json.

    Only settings that differ from their defaults are named; `mq export | mq plan -` has nothing to
    do. Messages and offsets are not in it: for those, `mq backup`.
    """
    context = current_context()
    with context.open_store() as store:
        if context.output.is_json:
            context.output.json_line(store.export_document())
        else:
            context.output.text(store.export())
