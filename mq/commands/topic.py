from typing import Annotated
import typer
from mq.commands import CommandGroup
from mq.context import current_context
from mq.output import Column

app = CommandGroup(help="Topics: create, list.")


@app.command("list")
def list_topics(n: Annotated[int, typer.Option("-n", help="How many [rows].")] = 2) -> None:
    """List topics."""
    c = current_context()
    print(c.store_location(), c.format, c.timeout)
    c.output.listing(
        [
            Column("name", lambda r: r[0]),
            Column("bytes", lambda r: r[1], text=lambda r: f"{r[1]} B", right=True),
        ],
        [("a\tb", 1), ("c\\", None), ("\x1b[31m", 3)],
    )


@app.command("create")
def create(name: str) -> None:
    """Create a topic."""
    current_context().open_store()
