"""The answers that decided the place: found by asking for the place with another answer."""

from __future__ import annotations

from dataclasses import dataclass

from store.advice.placements import FACTORS, Factors, Placement, alternatives, factors_of, row_of
from store.advice.workload import Control, Order, Routing, Workload

_AXIS = list(Placement)
_NOTHING_ASKED = factors_of(Workload())
_OTHERWISE = {
    ("history", "kept"): "were it to be kept",
    ("history", "gone"): "were nothing to be kept",
    ("audience", "one"): "with one reader",
    ("audience", "several"): "with several readers",
    ("fate", "shared"): "without control over single messages",
    ("fate", "own retries"): "were messages to be retried one by one",
    ("fate", "own time"): "were messages to have delays or priorities",
    ("order", "none"): "without order",
    ("order", "key"): "with order within a key",
    ("order", "all"): "with order over everything",
    ("routing", "False"): "without routing",
    ("routing", "True"): "with routing",
    ("rate", "moderate"): "at up to 3,000/s",
    ("rate", "high"): "at more than 3,000/s",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """An answer that bears on the place. It `decides` where another one would change the place.

    `otherwise` names the other place, such as `without order: share`.
    """

    question: str
    answer: str
    says: str
    decides: bool
    otherwise: tuple[str, ...]


def reasons_for(workload: Workload, factors: Factors) -> tuple[Reason, ...]:
    """Return every answer that bears on the place, in the order of its weight.

    A need for history always leads: no place that deletes can serve it. Then come the answers that
    decide, demands before their absence, the largest change of place first.
    """
    row = row_of(factors)
    ranked: list[tuple[tuple[bool, ...], int, Reason]] = []
    for name in FACTORS:
        moves = [(v, place) for v, place in alternatives(factors, name) if place is not row.place]
        kept = name == "history" and workload.kept
        if not moves and not kept and name not in row.tested:
            continue
        furthest = max((_distance(row.place, place) for _, place in moves), default=0)
        otherwise = tuple(f"{_OTHERWISE[name, value]}: {place}" for value, place in moves)
        reason = Reason(*_said(workload, name), decides=kept or bool(moves), otherwise=otherwise)
        weight = (kept, reason.decides, _is_demand(factors, name))
        ranked.append((weight, furthest, reason))
    ranked.sort(key=lambda one: one[:2], reverse=True)
    return tuple(reason for _, _, reason in ranked)


def _is_demand(factors: Factors, name: str) -> bool:
    """Return whether the answer demands something; without any demand the simplest place would
    do.
    """
    return bool(getattr(factors, name) != getattr(_NOTHING_ASKED, name))


def _distance(one: Placement, other: Placement) -> int:
    return abs(_AXIS.index(one) - _AXIS.index(other))


def _said(workload: Workload, factor: str) -> tuple[str, str, str]:
    """Return the question behind a factor, its answer, and the consequence."""
    match factor:
        case "history":
            return _history(workload)
        case "audience":
            return _audience(workload)
        case "fate":
            return _fate(workload)
        case "order":
            return ("order", workload.order, _ORDER[workload.order])
        case "routing":
            return ("routing", workload.routing, _ROUTING[workload.routing])
        case _:
            return (
                "peak_rate",
                f"{workload.peak_rate:,.10g}/s × {workload.growth:.10g}",
                f"{workload.future_rate:,.0f}/s to build for. Up to 3,000/s, what a FIFO queue of"
                " SQS takes in batches, a row for each message is no burden",
            )


_ORDER = {
    Order.NONE: "any worker may take any message, so work spreads without limit",
    Order.KEY: "a key's messages go one after another, other keys go on beside them",
    Order.ALL: "one message at a time: nothing can be spread",
}
_ROUTING = {
    Routing.NONE: "every reader gets everything, nothing has to be matched",
    Routing.KEY: "an exchange matches patterns, before anything is stored",
    Routing.HEADERS: "an exchange matches attributes, before anything is stored",
}


def _history(workload: Workload) -> tuple[str, str, str]:
    if workload.source_of_truth:
        return ("source_of_truth", "yes", "a source of truth is never deleted by who read it")
    if workload.replay:
        return ("replay", "yes", "what an acknowledgement deletes can't be read again")
    if workload.latest_only:
        return ("latest_only", "yes", "late readers need the newest values, so they are kept")
    return ("replay", "no", "no reader comes back to a message: it may be deleted when it is done")


def _audience(workload: Workload) -> tuple[str, str, str]:
    count = len(workload.readers)
    if count == 1:
        return ("readers", "1", "the one reader that is done with a message may delete it")
    return ("readers", str(count), "one reader's acknowledgement must not take it from the others")


def _fate(workload: Workload) -> tuple[str, str, str]:
    wanted = ", ".join(control for control in Control if control in workload.per_message)
    if not wanted:
        return ("per_message", "none", "what precedes is done first, so one number tells it all")
    if workload.per_message & {Control.DELAY, Control.PRIORITY}:
        return ("per_message", wanted, "overtaking and waiting need a row for each message")
    return (
        "per_message",
        wanted,
        "a message that fails or takes long must not hold its neighbours",
    )
