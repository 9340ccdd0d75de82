"""Every error of a store, as one small tree.

The seven families below `MqError` are the exit codes of the command line; a class below a family
only narrows the cause. A message names the thing and its address, a hint the way out.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.model.actions import Action, WayOut

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""The system's error numbers for an exhausted file system or quota."""
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
FEWER_FILES = "close some, or raise the limit: ulimit -n"
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


# Compiled when an error needs it: every command loads this module.
_PARAMETER = r"\{(?:([a-z_]+)(?: ([^}]+))?)?\}"
_FLAGS = {
    "key": "-k, -K or --key-from", "path": "-s", "primary_key": "--pk", "target": "--to",
}  # fmt: skip


class Hint(str):
    """A way out in the words of a Python caller; `shell` and `file` have those of other callers.

    In the template `{name}` or `{name VALUE}` is a parameter, and `{}` the next of the steps.
    """

    __slots__ = ("steps", "template")
    template: str
    steps: tuple[WayOut, ...]

    def __new__(cls, template: str, *steps: WayOut) -> Hint:
        """Write a template with its steps for a Python caller."""
        calls: list[str] = []
        if steps:
            from store.model import call_texts

            calls = [call_texts.as_call(step) for step in steps]
        hint = super().__new__(cls, _written(template, _as_argument, calls))
        hint.template, hint.steps = template, steps
        return hint

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.template, *self.steps)

    @property
    def shell(self) -> str:
        """Return it in the words of a command line."""
        return self._with_commands(_as_option)

    @property
    def file(self) -> str:
        """Return it in the words of a topology file."""
        return self._with_commands(_as_setting)

    def after(self, first: str) -> Hint:
        """Return a hint that says another one first."""
        if isinstance(first, Hint):
            return Hint(f"{first.template}; {self.template}", *first.steps, *self.steps)
        return Hint(f"{first}; {self.template}", *self.steps)

    def _with_commands(self, parameter: Callable[[str, str], str]) -> str:
        commands: list[str] = []
        if self.steps:
            from store.model import shell_texts

            commands = [shell_texts.as_command(step) for step in self.steps]
        return _written(self.template, parameter, commands)


def _written(template: str, parameter: Callable[[str, str], str], steps: Sequence[str]) -> str:
    following = iter(steps)

    def write(match: re.Match[str]) -> str:
        return parameter(match[1], match[2] or "") if match[1] else next(following, "{}")

    return re.sub(_PARAMETER, write, template)


def _as_argument(name: str, value: str) -> str:
    if not value or value.isupper():
        return f"{name}={value}" if value else name
    return f"{name}=None" if value == "none" else f"{name}={value!r}"


def _as_option(name: str, value: str) -> str:
    flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
    return f"{flag} {value}" if value else flag


def _as_setting(name: str, value: str) -> str:
    return f"{name} {value}" if value else name


class MqError(Exception):
    """A call on a store failed."""

    code = "failed"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.failures: dict[str, MqError] = {}

    def __reduce__(self) -> tuple[object, ...]:
        # Don't make it anew by `__init__`, which may take other arguments: workers hand errors on.
        return _unpickled, (type(self), self.args), self.__dict__

    @property
    def shell_hint(self) -> str:
        """The hint in the words of a command line."""
        return self.hint.shell if isinstance(self.hint, Hint) else self.hint

    @property
    def fix(self) -> Action[Any] | None:
        """The way out as an action for `Store.perform`, where there is one that is complete."""
        if not isinstance(self.hint, Hint):
            return None
        from store.model import actions

        complete = (step for step in self.hint.steps if not actions.blanks(step))
        return next((step for step in complete if isinstance(step, actions.Action)), None)

    @property
    def message(self) -> str:
        """One line that says which call failed, and why."""
        return str(self.args[0])


def _unpickled(kind: type[MqError], args: tuple[object, ...]) -> MqError:
    return kind.__new__(kind, *args)


class BadInput(MqError):
    """The arguments can't be used: a wrong name, number, setting or form."""

    code = "bad_input"


class BadRecord(BadInput):
    """One record of a batch can't be stored, so nothing of the batch is; `index` counts from 0."""

    def __init__(self, index: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.index = index


class Unsupported(BadInput):
    """The engine can't do it; `feature` is the word for it in `mq features`."""

    code = "unsupported"

    def __init__(self, message: str, hint: str = "", feature: str = "") -> None:
        super().__init__(message, hint)
        self.feature = feature


class Denied(MqError):
    """The engine refuses the user this access."""

    code = "denied"


class NotFound(MqError):
    """The named thing does not exist."""

    code = "not_found"


class Unroutable(NotFound):
    """A message was published as mandatory, and no binding leads it anywhere."""

    code = "unroutable"


class Conflict(MqError):
    """The state of the store forbids it."""

    code = "conflict"


class Exists(Conflict):
    """A thing of that name exists already."""

    code = "exists"


class LeaseLost(Conflict):
    """Another reader has leased the message since."""

    code = "lease_lost"


class Fenced(Conflict):
    """The partition, group or producer has a newer owner."""

    code = "fenced"


class GroupActive(Conflict):
    """The group has live members."""

    code = "group_active"


class StalePlan(Conflict):
    """The topology changed after the plan was made."""

    code = "stale_plan"


class ReadOnly(Conflict):
    """The store takes nothing new, because it is being moved to another place."""

    code = "read_only"


class Unavailable(MqError):
    """Not now: the same call may succeed later."""

    code = "unavailable"


class Busy(Unavailable):
    """Another process holds the store's lock."""

    code = "busy"


class TimedOut(Unavailable):
    """The time allowed ran out."""

    code = "timed_out"


class Unreachable(Unavailable):
    """The engine's server does not answer, or the connection to it ended."""

    code = "unreachable"


class Throttled(Unavailable):
    """The queue refuses more calls at the moment."""

    code = "throttled"


class StoreFull(Unavailable):
    """The disk, a quota or the store's own size limit is exhausted."""

    code = "store_full"


class QueueFull(Unavailable):
    """The queue is at its length limit and refuses new messages."""

    code = "queue_full"


class OutcomeUnknown(MqError):
    """The error leaves open whether the change was stored."""

    code = "outcome_unknown"


class StoreUnusable(MqError):
    """The file can't be used as a store."""

    code = "store_unusable"


class Damaged(StoreUnusable):
    """The store contains data that mq did not write, or lacks data that it wrote."""

    code = "damaged"

    def __init__(self, message: str, hint: str = "", addresses: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.addresses = addresses
        """The records or messages that are damaged, as far as single ones are."""


class DeviceError(StoreUnusable):
    """The device that holds the store reports an input/output error."""

    code = "device_error"


class ForeignFile(StoreUnusable):
    """The file is not an mq store."""

    code = "foreign_file"


class NewerStore(StoreUnusable):
    """The store was written by a newer version of mq."""

    code = "newer_store"


def from_system(error: OSError, failure: str) -> MqError:
    """Return the error for an error of the system; `failure` says what could not be done, and to
    what.
    """
    message = f"{failure}: {error.strerror or error}"
    if error.errno in NO_ROOM:
        return _no_room(message)
    if error.errno == errno.EIO:
        return DeviceError(message, hint="the disk fails: see dmesg, and save what can be read")
    if is_too_many_files(error):
        return MqError(message, FEWER_FILES)
    if error.errno in _REFUSED:
        return MqError(message, hint="the store's file and its folder must be writable")
    return MqError(message)


def _no_room(message: str) -> StoreFull:
    from store.model.looks import Doctor

    return StoreFull(message, hint=Hint("free disk space; {} says how", Doctor()))


def is_too_many_files(error: OSError) -> bool:
    """Return whether this process, or the machine, has reached its limit of open files."""
    return error.errno in _TOO_MANY_FILES


def is_of_machine(error: OSError) -> bool:
    """Return whether the machine is short of disk space, of descriptors or of a sound disk."""
    return error.errno in NO_ROOM or error.errno == errno.EIO or is_too_many_files(error)


def secondary_to(error: BaseException | None) -> AbstractContextManager[None]:
    """Return a block of cleaning up: its errors are reported only if none came before."""
    return nullcontext() if error is None else suppress(Exception)
