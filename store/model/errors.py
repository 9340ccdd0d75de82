"""Every error of a store, as one small tree.

The seven families below `MqError` are the exit codes of the command line; a class below a family
only narrows the cause. A message names the thing and its address, a hint the way out.
"""

import errno
from contextlib import AbstractContextManager, nullcontext, suppress

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""The system's error numbers for an exhausted file system or quota."""
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
FEWER_FILES = "close some, or raise the limit: ulimit -n"
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


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


class Unavailable(MqError):
    """Not now: the same call may succeed later."""

    code = "unavailable"


class Busy(Unavailable):
    """Another process holds the store's lock."""

    code = "busy"


class TimedOut(Unavailable):
    """The time allowed ran out."""

    code = "timed_out"


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
        return StoreFull(message, hint="free disk space; mq doctor says how")
    if error.errno == errno.EIO:
        return DeviceError(message, hint="the disk fails: see dmesg, and save what can be read")
    if is_too_many_files(error):
        return MqError(message, FEWER_FILES)
    if error.errno in _REFUSED:
        return MqError(message, hint="the store's file and its folder must be writable")
    return MqError(message)


def is_too_many_files(error: OSError) -> bool:
    """Return whether this process, or the machine, has reached its limit of open files."""
    return error.errno in _TOO_MANY_FILES


def is_of_machine(error: OSError) -> bool:
    """Return whether the machine is short of disk space, of descriptors or of a sound disk."""
    return error.errno in NO_ROOM or error.errno == errno.EIO or is_too_many_files(error)


def secondary_to(error: BaseException | None) -> AbstractContextManager[None]:
    """Return a block of cleaning up: its errors are reported only if none came before."""
    return nullcontext() if error is None else suppress(Exception)
