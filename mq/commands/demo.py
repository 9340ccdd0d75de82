"""`mq demo`: tell a story on real data, with real commands, in a temporary folder."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mq.cli.bundled import folder_of, load
from mq.cli.context import Context, current_context
from mq.commands import SingleCommand
from store.model.errors import NotFound
from store.model.nearest import did_you_mean

if TYPE_CHECKING:
    from typing import Protocol

    from mq.cli.output import Output

    class Story(Protocol):
        """The interface of `demo.py` in the folder of a demo."""

        def tell(self, writer: Output, folder: Path, store: Path | None) -> None:
            """Tell the story in an empty folder; with `store`, in that store."""


app = SingleCommand()

_SCRIPT = "demo.py"


@app.command()
def demo(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="flights, or single-active.")
    ] = "flights",
) -> None:
    """Tell a story on real data in a temporary folder, or in the store that --store names."""
    context = current_context()
    story = cast("Story", load(_find(name), _SCRIPT.removesuffix(".py")))
    store = _given_store(context)
    with TemporaryDirectory(prefix="mq-demo-") as folder:
        story.tell(context.output, Path(folder), store)


def _given_store(context: Context) -> Path | None:
    # $MQ_STORE does not count: a demo must not write to the store of the person's work.
    named = context.named_store() if context.store is not None else None
    return None if named is None else named.path


def _find(name: str) -> Path:
    """Return the folder of a demo; raises NotFound with the existing ones."""
    found = {
        script.parent.name: script.parent for script in folder_of("demos").glob(f"*/{_SCRIPT}")
    }
    if name not in found:
        known = f"demos there are: {', '.join(sorted(found)) or 'none'}"
        raise NotFound(f"there is no demo {name!r}", hint=did_you_mean(name, found, known))
    return found[name]
