"""Everything that can go wrong in a store, as one small tree.

The seven families below `MqError` are the exit codes of the command line; a class below a
family only narrows what went wrong. A message names the thing and its address, a hint the way out.
"""


class MqError(Exception):
    """A call on a store failed."""

    code = "failed"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.failures: dict[str, MqError] = {}

    def __reduce__(self) -> tuple[object, ...]:
        # Not made anew by `__init__`, which may take other arguments: workers hand errors on.
        return _unpickled, (type(self), self.args), self.__dict__

    @property
    def message(self) -> str:
        """One line that says what failed."""
        return str(self.args[0])


def _unpickled(kind: type[MqError], args: tuple[object, ...]) -> MqError:
    return kind.__new__(kind, *args)


class BadInput(MqError):
    """What was given can't be used: a wrong name, number, setting or form."""

    code = "bad_input"


class BadRecord(BadInput):
    """One record of a batch can't be stored, so nothing of the batch is; `index` counts from 0."""

    def __init__(self, index: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.index = index


class NotFound(MqError):
    """The thing that was named does not exist."""

    code = "not_found"


class Unroutable(NotFound):
    """No binding leads a message that was published as mandatory anywhere."""

    code = "unroutable"


class Conflict(MqError):
    """The state of the store forbids it."""

    code = "conflict"


class Exists(Conflict):
    """A thing of that name exists already."""

    code = "exists"


class LeaseLost(Conflict):
    """Somebody else has leased the message since."""

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
    """The store contains something that mq did not write, or lacks something that it wrote."""

    code = "damaged"


class ForeignFile(StoreUnusable):
    """The file is not an mq store."""

    code = "foreign_file"


class NewerStore(StoreUnusable):
    """The store was written by a newer version of mq."""

    code = "newer_store"
