"""Base of every group of calls: a transaction to read in, and one to write in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from store import model, sqlite
from store.model.encoding import milliseconds
from store.model.errors import BadInput, Exists, MqError, StoreFull
from store.model.settings import Setting, first_difference, settings_of

if TYPE_CHECKING:
    from typing import Protocol

    from store.api.committer import Committer
    from store.model.placement import StickyPlacement
    from store.sqlite.file.database import Snapshot, WriteTransaction

    class MadeAgain(Protocol):
        """Where calls are repeated, with room from the reserve, while the disk is full."""

        def _with_reserve(self, call: Callable[[], T]) -> T: ...


# At most so many times twenty expired messages move before a look.
_MOST_PASSES = 50
# Seconds for which a look waits for the write lock.
_LOOKING_WAIT = 0.05

P = ParamSpec("P")
T = TypeVar("T")


Self = TypeVar("Self", bound="MadeAgain")


def frees_room(call: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """Repeat a call of one transaction, with room from the reserve, when the disk is full.

    Only for calls that free room or settle messages, not for calls that store new ones.
    """

    @wraps(call)
    def with_reserve(self: Self, /, *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(self, *arguments, **named)
        except StoreFull:
            return self._with_reserve(partial(call, self, *arguments, **named))

    return with_reserve


class Calls:
    """Calls defined once, for a store (a transaction each) and for a transaction (all in it)."""

    # Whether a call does nothing at all when a part of it is refused.
    _all_or_nothing = False
    # Not empty while a thread of this process writes: then calls share the next commit.
    _busy: Sequence[bool] = ()

    def _read(self) -> AbstractContextManager[Snapshot]:
        raise TypeError("calls are made on a Store or a Transaction")

    def _write(
        self, timeout: float | None = None, until: Callable[[], bool] | None = None
    ) -> AbstractContextManager[WriteTransaction]:
        raise TypeError("calls are made on a Store or a Transaction")

    @property
    def _committer(self) -> Committer:
        raise TypeError("only calls on a Store wait for each other")

    def _has_got_room(self) -> bool:
        """Get room from the reserve, on a full disk; return whether a call may be repeated."""
        # A part of a transaction can't be repeated alone.
        return False

    def _with_reserve(self, call: Callable[[], T]) -> T:
        # A part of a transaction can't be repeated alone.
        return call()

    @contextmanager
    def _looking(self) -> Iterator[Snapshot]:
        """Open a read transaction, after moving expired messages to their DLQs."""
        with self._read() as tx:
            is_late = bool(sqlite.queues.policies.expiry.due(tx, 1))
        # A reader that can't write leaves it where it is: not counted, and not yet in the DLQ.
        with suppress(MqError):
            for _ in range(_MOST_PASSES if is_late else 0):
                with self._write(_LOOKING_WAIT) as tx:
                    if not sqlite.queues.policies.expiry.sweep(tx):
                        break
        with self._read() as tx:
            yield tx

    def _in_steps(self, step: Callable[[WriteTransaction], bool]) -> None:
        """Run a bounded step, a transaction each, until nothing is left."""
        pace = None if self._all_or_nothing else model.steps.StepPace()
        while self._step(step):
            if pace is not None:
                pace.after_step()

    @frees_room
    def _step(self, step: Callable[[WriteTransaction], T]) -> T:
        with self._write() as tx:
            return step(tx)

    def _parts(self, sizes: Sequence[int]) -> Iterable[slice]:
        """Return how many things of these sizes to store together: a step, or all."""
        return [slice(0, len(sizes))] if self._all_or_nothing else model.steps.cut(sizes)

    def _sticky(self, topic: str) -> StickyPlacement:
        raise TypeError("calls are made on a Store or a Transaction")


def encoded(kind: type[NamedTuple], settings: Mapping[str, Any], *others: str) -> dict[str, Any]:
    """Return settings as configs of that kind hold them, durations in milliseconds.

    Raises `BadInput` for a name that is no setting; `others` are further arguments of the call.
    """
    known = settings_of(kind)
    check_names(settings, (*others, *known))
    return {name: _encoded(name, known[name], value) for name, value in settings.items()}


def _encoded(name: str, setting: Setting, value: Any) -> Any:
    if setting.notation.pairs:
        return model.labels.checked(value)
    if not setting.notation.time:
        return value
    if setting.notation.many:
        return tuple(milliseconds(each, name) for each in value or ())
    return None if value is None else milliseconds(value, name)


def check_names(settings: Iterable[str], known: Collection[str]) -> None:
    """Raise `BadInput` for a setting that is not among the known names."""
    for name in settings:
        if name not in known:
            there_are = f"settings are {', '.join(known)}"
            raise BadInput(
                f"there is no setting {name!r}", model.nearest.did_you_mean(name, known, there_are)
            )


def check_agreement(
    kind: str,
    name: str,
    present: NamedTuple,
    settings: Mapping[str, Any],
    hints: Mapping[str, str] | None = None,
) -> None:
    """Raise `Exists` where an existing thing differs in one of the given settings (SQS).

    `hints` say, by setting, what to do instead of altering it.
    """
    if found := first_difference(present, present._replace(**settings)):
        setting, theirs, ours = found
        alter = f"change it: mq {kind} alter {name} --{setting.replace('_', '-')} …"
        raise Exists(
            f"{kind} {name} exists with another {setting}: {theirs}, not {ours}",
            hint=(hints or {}).get(setting, alter),
        )
