"""The global options of a run, the store that they lead to, and standard input."""

import os
import sys
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mq.cli.diagnostics import Diagnostics
from mq.cli.output import Format, Output
from store.model.errors import BadInput, MqError, NotFound, Unsupported
from store.model.text import parse_duration

if TYPE_CHECKING:
    from store import Store
    from store.engine.broker import Broker
    from store.engine.places import Place

STORE_VARIABLE = "MQ_STORE"
LOCAL_STORE = Path(".mq", "store.db")
_REASONS = {True: "given with --store", False: "named by $MQ_STORE"}
DEFAULT_TIMEOUT = 30.0


class StoreLocation(NamedTuple):
    """The store's file, and why it was chosen."""

    path: Path
    reason: str


class Context:
    """The state of one run of the command line; the global options write into it."""

    def __init__(self) -> None:
        self.store: str | None = None
        self.format: Format | None = None
        self.quiet = False
        self.yes = False
        self.no_input = False
        self.timeout = DEFAULT_TIMEOUT
        self.debug = False
        self.colour = _terminal_has_colour()
        self.header = True
        self.allow_network_fs = False
        self.json_value = False

    @cached_property
    def output(self) -> Output:
        """The writer to stdout, in the format asked for."""
        return Output(self.format, header=self.header, colour=self.colour)

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """The writer to stderr."""
        return Diagnostics(quiet=self.quiet, json=self.format in {Format.JSON, Format.NDJSON})

    def named_store(self) -> StoreLocation | None:
        """Return the file that `--store` or `$MQ_STORE` names, if one does.

        Raises Unsupported where they name a server.
        """
        text, given = self._named()
        if not (text or given):
            return None
        if is_place(text):
            raise self._no_file()
        source = "--store" if given else f"${STORE_VARIABLE}"
        return StoreLocation(_given_path(text, source), _REASONS[given])

    def named_place(self) -> "Place | None":
        """Return the server that `--store` or `$MQ_STORE` names, if it is one and no file."""
        text, given = self._named()
        if not is_place(text):
            return None
        from store.engine.places import read_place

        return read_place(text, may_hold_password=not given)

    def reason(self) -> str:
        """Return why the store or place in use was chosen."""
        text, given = self._named()
        if is_place(text):
            return _REASONS[given]
        return self.store_location().reason

    def _named(self) -> tuple[str, bool]:
        """Return the text that names the store, and whether `--store` gives it."""
        if self.store is not None:
            return self.store, True
        return os.environ.get(STORE_VARIABLE, ""), False

    def store_location(self) -> StoreLocation:
        """Return the named store, or the nearest `.mq/store.db` upward, or the user's own."""
        if named := self.named_store():
            return named
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / LOCAL_STORE).is_file():
                return StoreLocation(folder / LOCAL_STORE, "nearest .mq/store.db")
        return StoreLocation(_user_store(), "in the user's data folder")

    def open_store(self, *, create: bool = False) -> "Broker":
        """Open the place that holds topics and queues: a server, or a file as `open_file` does."""
        place = self.named_place()
        return self.open_file(create=create) if place is None else self.open_place(place)

    def open_file(
        self, *, create: bool = False, accept_log: bool = False, feature: str = "FILE"
    ) -> "Store":
        """Open the store as a file; with `create` make it and its folder if they are missing.

        Raises NotFound, with the command that creates it, without a store, and Unsupported, naming
        the feature, where the place is a server. `accept_log` takes the log beside the file for its
        own.
        """
        if is_place(self._named()[0]):
            raise self._no_file(feature)
        path = self.store_location().path
        if create:
            make_folder(path.parent)
        elif not path.exists():
            raise NotFound(f"there is no store at {path}", hint=self._creating_command())
        return self.open_store_at(path, create=create, accept_log=accept_log)

    def open_store_at(
        self, path: Path, *, create: bool = False, durability: str = "full",
        accept_log: bool = False,
    ) -> "Store":  # fmt: skip
        """Open the store in this file, with the timeout and the permissions of this run."""
        from store import Store

        return Store.open(
            path,
            create=create,
            durability=durability,
            timeout=self.timeout,
            allow_network_fs=self.allow_network_fs,
            accept_log=accept_log,
            tell=self.diagnostics.warning,
        )

    def open_place(self, place: "Place") -> "Broker":
        """Open a server, with the timeout of this run."""
        from store.api.places import open_at

        opened = open_at(place, timeout=self.timeout, tell=self.diagnostics.warning)
        # Commands that are run from here on get the place, and no secret.
        for name in place.secret_variables:
            os.environ.pop(name, None)
        if place.given_password is not None:
            os.environ[STORE_VARIABLE] = place.name
        return opened

    def _no_file(self, feature: str = "FILE") -> Unsupported:
        from store.api.places import features_at
        from store.engine.features import Feature

        place = self.named_place()
        assert place is not None
        return features_at(place).refusal(Feature[feature])

    def confirm(self, question: str, *, name: str | None = None) -> None:
        """Go on only if the person agrees; with `name`, which is severe, by typing that name.

        `--yes` agrees. Raises BadInput without a terminal, MqError after a no.
        """
        if self.yes:
            return
        if self.no_input or not (is_typed() and self.diagnostics.is_terminal):
            raise BadInput(
                f"no terminal to ask on: {question}",
                hint="--yes agrees, --dry-run shows what would happen",
            )
        wanted = "yes" if name is None else name
        prompt = "Go on? [y/N]" if name is None else f"Type {name} to go on:"
        answer = self.diagnostics.ask(f"{question} {prompt} ")
        if answer != wanted and not (name is None and answer.lower() in {"y", "yes"}):
            raise MqError("stopped, nothing was changed")

    def _creating_command(self) -> str:
        if self.store is None:
            return "mq init"
        from shlex import quote

        return f"mq -s {quote(self.store)} init"


def is_place(text: str) -> bool:
    """Return whether a text names a server, and no file."""
    # As `store.engine.places` says it, which only a place needs.
    return text.startswith("@") or "://" in text


def current_context() -> Context:
    """Return the state of the run that the calling command is part of."""
    return _current.get()


def start_context() -> Context:
    """Begin a run: forget the options of an earlier one in this process."""
    context = Context()
    _current.set(context)
    return context


def make_folder(folder: Path) -> None:
    """Make the folder of a store, for its owner only; a `.mq` folder is also hidden from git."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return
    except OSError as error:
        raise BadInput(f"can't make the folder {folder}: {error.strerror}") from error
    if folder.name == LOCAL_STORE.parent.name:
        (folder / ".gitignore").write_text("*\n")


def parse_timeout(text: str) -> float:
    """Read the value of `--timeout` as seconds."""
    return parse_duration(text) / 1000


def parse_format(text: str) -> Format:
    """Read the value of `-o`; raises BadInput with the formats there are."""
    try:
        return Format(text)
    except ValueError:
        formats = ", ".join(Format)
        raise BadInput(f"there is no output format {text!r}", hint=f"one of {formats}") from None


_current: ContextVar[Context] = ContextVar("mq_context")


def _given_path(text: str, source: str) -> Path:
    if not text:
        raise BadInput(f"{source} names no file")
    path = absolute(text)
    if path.is_dir():
        raise BadInput(
            f"{path} is a folder, not a store", hint=f"name the file, as in {path}/store.db"
        )
    return path


def absolute(text: str) -> Path:
    """Return the absolute path; raises `BadInput` for the home folder of an unknown user."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise BadInput(f"not a usable path: {text}: {error}", hint="name it from /") from None


def _user_store() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or ""
    folder = Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
    return folder / "mq" / "store.db"


def _terminal_has_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_typed() -> bool:
    """Return whether a person types standard input."""
    return sys.stdin is not None and sys.stdin.isatty()


def standard_input() -> BinaryIO:
    """Return the stream of standard input; raises BadInput where it was closed."""
    require_open()
    return sys.stdin.buffer


def require_open() -> None:
    """Raise BadInput where standard input was closed: SQLite may have another file there."""
    # Python has None for it then, and descriptor 0 goes to the next file that is opened.
    if sys.stdin is None:
        raise BadInput("stdin is closed", hint="name a file, or let it come from one: < FILE")
