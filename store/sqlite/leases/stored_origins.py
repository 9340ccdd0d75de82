"""Origins as they are read from rows: whole, or without damaged parts."""

from __future__ import annotations

from typing import Any, get_args

from store.model.dead_letters import Hop, Reason
from store.model.encoding import DISTANT_FUTURE
from store.sqlite.file.database import Row, Snapshot
from store.sqlite.leases.origins import Origin, hops_from_json, message_id

_REASONS: tuple[Reason, ...] = get_args(Reason)
_ID_BYTES = 16


def from_row(tx: Snapshot, row: Row) -> Origin:
    """Return an origin from its columns, texts as blobs; a damaged one is not `is_sound`."""
    record, id, sent, source, reason, at, deliveries, error, hops, own = row
    try:
        texts = [None if text is None else text.decode() for text in (source, reason, error)]
        history = hops_from_json(hops.decode())
        origin = Origin(id, sent, texts[0], texts[1], at, deliveries, texts[2], history, own)
        if _is_possible(origin):
            return origin
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    return Origin(
        id if _is_id(id) else message_id(tx, record),
        sent if _is_time(sent) else 0,
        _readable(source),
        None if reason is None else _reason(reason),
        None if at is None else at if _is_time(at) else 0,
        deliveries if isinstance(deliveries, int) else 0,
        _readable(error),
        priority=own if isinstance(own, int) else 0,
        is_sound=False,
    )


def _is_possible(origin: Origin) -> bool:
    return (
        _is_id(origin.message_id)
        and _is_time(origin.sent)
        and (origin.at is None or _is_time(origin.at))
        and (origin.reason is None or origin.reason in _REASONS)
        and isinstance(origin.deliveries, int)
        and isinstance(origin.priority, int)
        and all(map(_is_possible_hop, origin.hops))
    )


def _is_possible_hop(hop: Hop) -> bool:
    numbers = (hop.count, hop.at, hop.ttl or 0)
    return isinstance(hop.source, str) and hop.reason in _REASONS and all(map(_is_time, numbers))


def _is_id(id: Any) -> bool:
    return isinstance(id, bytes) and len(id) == _ID_BYTES


def _is_time(stored: Any) -> bool:
    return isinstance(stored, int) and 0 <= stored < DISTANT_FUTURE


def _readable(stored: Any) -> str | None:
    return stored.decode(errors="replace") if isinstance(stored, bytes) else None


def _reason(stored: Any) -> Reason:
    text = _readable(stored)
    return next((reason for reason in _REASONS if reason == text), "rejected")
