"""`mq show NAME`: a thing, whatever its kind."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from mq.cli.context import current_context
from mq.commands import SingleCommand
from mq.commands.things.listing import everything
from store.model.errors import BadInput, NotFound
from store.model.nearest import did_you_mean

if TYPE_CHECKING:
    from store.engine.broker import Broker

app = SingleCommand()


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A topic, queue, share, group or exchange."),
    ],
) -> None:
    """Show a thing by its name, as mq topic show, mq queue show and the like do."""
    with current_context().open_store() as store:
        kinds = _kinds(store, name)
    if len(kinds) > 1:
        raise BadInput(
            f"{name} is a {' and a '.join(kinds)}",
            hint=" or ".join(f"mq {kind} show {name}" for kind in kinds),
        )
    import_module(f"mq.commands.{kinds[0]}.app").show([name])


def _kinds(store: "Broker", name: str) -> list[str]:
    """Return the kinds of thing that have the name; raises NotFound for none."""
    kinds = [kind] if (kind := store.kind(name)) else []
    for other, find in (("group", store.group), ("exchange", store.exchange)):
        try:
            find(name)
        except NotFound:
            continue
        kinds.append(other)
    if not kinds:
        known = (thing.name for thing in everything(store))
        hint = did_you_mean(name, known, "mq list names everything")
        raise NotFound(f"nothing is called {name}", hint=hint)
    return kinds
