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

        ABOUT: str

        def tell(self, writer: Output, folder: Path, store: Path | None) -> None:
            """Tell the story in an empty folder; with `store`, in that store."""


app = SingleCommand()

_FIRST = "flights"
_SCRIPT = "demo"


@app.command()
def demo(
    name: Annotated[str | None, typer.Argument(help="The story (flights, then a list).")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Only the list of stories.")] = False,
) -> None:
    """Tell a story on real data in a temporary folder, or in the store that --store names.

    Each command of a story is printed and run, and each claim is checked: where one does not hold,
    the story ends with 1.
    """
    context = current_context()
    if not list_all:
        story = _load(name or _FIRST)
        store = _given_store(context)
        with TemporaryDirectory(prefix="mq-demo-") as folder:
            story.tell(context.output, Path(folder), store)
    if list_all or name is None:
        context.output.text("" if list_all else "\nEvery story: mq demo NAME\n")
        for story_name in _names():
            context.output.text(f"{story_name:<15} {_load(story_name).ABOUT}")


def _given_store(context: Context) -> Path | None:
    # $MQ_STORE does not count: a demo must not write to the store of the person's work.
    named = context.named_store() if context.store is not None else None
    return None if named is None else named.path


def _names() -> list[str]:
    scripts = folder_of("demos").glob(f"*/{_SCRIPT}.py")
    return sorted(script.parent.name.replace("_", "-") for script in scripts)


def _load(name: str) -> "Story":
    """Return the story of a demo; raises NotFound with the existing ones."""
    names = _names()
    if name not in names:
        known = f"demos there are: {', '.join(names) or 'none'}"
        raise NotFound(f"there is no demo {name!r}", hint=did_you_mean(name, names, known))
    return cast("Story", load(folder_of("demos"), f"{name.replace('-', '_')}.{_SCRIPT}"))
