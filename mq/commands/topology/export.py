"""`mq export`: the store as a topology file."""

from collections.abc import Mapping
from typing import Any

from mq.cli.context import current_context
from mq.cli.output import Format, to_json
from mq.commands import SingleCommand

app = SingleCommand()


@app.command()
def export() -> None:
    """Write everything in the store as a topology file: YAML, or JSON with -o json.

    Only settings that differ from their defaults are named; `mq export | mq plan -` has nothing to
    do. Messages and offsets are not in it: for those, `mq backup`.
    """
    context = current_context()
    with context.open_store() as store:
        if context.output.format is Format.JSON:
            context.output.text(_json_by_line(store.export_document()))
        elif context.output.is_json:
            context.output.json_line(store.export_document())
        else:
            context.output.text(store.export())


def _json_by_line(document: Mapping[str, Any]) -> str:
    """Return the document with a line for each thing, so that one of any length is read again."""
    sections = (f"{to_json(name)}:{_section(content)}" for name, content in document.items())
    return "{" + ",\n".join(sections) + "}"


def _section(content: Any) -> str:
    if isinstance(content, list):
        return "[\n" + ",\n".join(map(to_json, content)) + "]"
    if isinstance(content, dict):
        things = (f"{to_json(name)}:{to_json(thing)}" for name, thing in content.items())
        return "{\n" + ",\n".join(things) + "}"
    return to_json(content)
