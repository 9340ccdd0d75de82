"""Plans of resets: where a group would go on reading, as Kafka's own tool reckons it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from store.kafka.log import Bounds, offset_of
from store.kafka.offsets import Offsets
from store.model.errors import BadInput, Hint
from store.model.groups import OffsetChange, TopicPartition
from store.model.positions import Position, Shift, Target

_Since = Callable[[TopicPartition], int | None]


def plan(
    offsets: Offsets,
    committed: Mapping[TopicPartition, int],
    target: Target,
    bounds: Bounds,
) -> list[OffsetChange]:
    """Return a change for each partition; an offset outside the log is moved to its edge.

    Raises `BadInput` for a shift where nothing is committed. See OffsetsUtils.java.
    """
    times: Mapping[TopicPartition, int | None] = {}
    if isinstance(target, Position) and target.kind in {"time", "came"}:
        times = offsets.since(dict.fromkeys(bounds, target.number))
    return [_change(place, committed.get(place), target, bounds, times.get) for place in bounds]


def resolved(
    position: Position,
    bounds: tuple[int, int],
    committed: int | None,
    since: Callable[[], int | None],
) -> int:
    """Return the offset of a position in a log, which may be outside of it.

    `since` gives the first record at or after the position's time, without one the end counts.
    """
    start, end = bounds
    if position.kind == "committed":
        return end if committed is None else committed
    if position.kind not in {"time", "came"}:
        return offset_of(position, start, end)
    first = since()
    return end if first is None else first


def _change(
    place: TopicPartition,
    current: int | None,
    target: Target,
    bounds: Bounds,
    since: _Since,
) -> OffsetChange:
    start, end = bounds[place]
    wanted = _wanted(place, current, target, (start, end), since)
    new = None if wanted is None else min(max(wanted, start), end)
    return OffsetChange(*place, current, new, start, end, clamped=new != wanted)


def _wanted(
    place: TopicPartition,
    current: int | None,
    target: Target,
    bounds: tuple[int, int],
    since: _Since,
) -> int | None:
    if isinstance(target, Shift):
        if current is None:
            raise BadInput(
                f"nothing is committed in {place[0]}/{place[1]} to shift from",
                hint=Hint("name a place: {target earliest}, {target latest}, {target OFFSET}"),
            )
        return current + target.by
    if isinstance(target, Position):
        return resolved(target, bounds, current, lambda: since(place))
    return target[place]
