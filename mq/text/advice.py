"""Advice as JSON, and as a page for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from store.advice.advice import Advice
from store.advice.load import Load
from store.advice.placements import Placement
from store.advice.workload import Workload
from store.topology.writing import yaml_of

_WIDEST = 100
_LABEL = 14
_AXIS = {
    Placement.LOG: "log",
    Placement.SHARE: "share",
    Placement.LOG_AND_QUEUE: "log + queue",
    Placement.FIFO_QUEUE: "FIFO queue",
    Placement.QUEUE: "queue",
}
_BOUND = (
    "messages that one process sends, receives and acknowledges one by one, by a probe of 0.3 s"
    " just now; batches, and records of topics, get further"
)
StyledLine = tuple[str, str]


def advice_document(
    advice: Advice, assumed: Sequence[str], load: Load | None = None
) -> dict[str, Any]:
    """Return the JSON of an advice."""
    sizing = advice.sizing
    return {
        "place": advice.place,
        "title": advice.title,
        "because": advice.because,
        "decided_by": [asdict(reason) for reason in advice.reasons],
        "assumed": list(assumed),
        "workers": sizing.workers,
        "partitions": sizing.partitions,
        "message_groups": sizing.message_groups,
        "most_at_once": sizing.parallel,
        "shortfall": sizing.shortfall,
        "arithmetic": [asdict(step) for step in sizing.steps],
        "topology": dict(advice.topology),
        "products": [asdict(product) for product in advice.products],
        "one_way_doors": [asdict(door) for door in advice.one_way_doors],
        "head_of_line": advice.head_of_line,
        "duplicates": advice.duplicates,
        "durability": advice.durability,
        "warnings": list(advice.warnings),
        "load": None if load is None else load_document(load),
    }


def load_document(load: Load) -> dict[str, Any]:
    """Return the JSON of a load; what is unknown is null."""
    return {
        "store": load.store,
        "percent": _rounded(load.percent),
        "peak_percent": _rounded(load.peak_percent),
        "rate": _rounded(load.rate),
        "peak_rate": _rounded(load.peak),
        "seconds": load.seconds,
        "bound": _rounded(load.bound),
        "bound_is": _BOUND,
        "why_unknown": load.why,
    }


def load_text(load: Load) -> str:
    """Return the load as a sentence or two."""
    bound = "" if load.bound is None else f" The machine does {load.bound:,.0f}/s: {_BOUND}."
    if load.percent is None or load.peak_percent is None:
        return f"unknown how much of what this machine does {load.store} needs: {load.why}.{bound}"
    return (
        f"your store is at {_percent(load.percent)} of what this machine does:"
        f" {load.rate:,.1f} messages and records a second over the last {load.seconds} s;"
        f" {_percent(load.peak_percent)} in the busiest ten seconds, {load.peak:,.1f}/s.{bound}"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _percent(value: float) -> str:
    return "less than 0.1 %" if 0 < value < 0.1 else f"{value:,.1f} %"


def advice_lines(
    workload: Workload, advice: Advice, assumed: Sequence[str], load: Load | None = None
) -> Iterator[StyledLine]:
    """Yield the page, as (style, line)."""
    yield "bold", f"{workload.name}: {advice.title}"
    yield "", _axis(advice.place)
    yield "", ""
    for label, texts in _sections(advice):
        yield from section(label, texts)
    if load is not None:
        yield from section("LOAD", [load_text(load)])
    if assumed:
        yield from section("ASSUMED", [", ".join(assumed)])
    yield "", ""
    yield "bold", "CREATE        mq advise … --yaml | mq apply -"
    for line in yaml_of(advice.topology).splitlines():
        yield "", f"  {line}"


def _axis(place: Placement) -> str:
    points = (f"{'●' if one is place else '○'} {name}" for one, name in _AXIS.items())
    return f"keep  {'  ──  '.join(points)}  delete"


def _sections(advice: Advice) -> Iterator[tuple[str, Iterable[str]]]:
    yield "WHY", [advice.because]
    yield "DECIDED BY", _reasons(advice)
    yield "HOW MANY", (f"{s.what}: {s.calculation} = {s.result}" for s in advice.sizing.steps)
    yield "BEWARE", advice.warnings
    yield "ONE-WAY", (f"{door.choice}: {door.why}" for door in advice.one_way_doors)
    yield "HEAD OF LINE", [advice.head_of_line]
    yield "TWICE", [advice.duplicates]
    yield "DURABILITY", [advice.durability]
    yield "ELSEWHERE", (f"{p.product}: {p.feature} ({p.limits})" for p in advice.products)


def _reasons(advice: Advice) -> Iterator[str]:
    for rank, reason in enumerate(advice.reasons, 1):
        otherwise = f" ({'; '.join(reason.otherwise)})" if reason.otherwise else ""
        yield f"{rank}. {reason.question} {reason.answer}: {reason.says}{otherwise}"


def section(label: str, texts: Iterable[str]) -> Iterator[StyledLine]:
    """Yield a labelled part of a page, wrapped to the terminal."""
    width = min(get_terminal_size().columns, _WIDEST)
    for text in texts:
        first, *rest = wrap(text, max(width - _LABEL, 20), subsequent_indent="  ") or [""]
        yield "", f"{label:<{_LABEL}}{first}"
        for line in rest:
            yield "", f"{'':<{_LABEL}}{line}"
        label = ""
