"""An advice on an engine as JSON, and as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mq.text.advice import StyledLine, section
from store.advice.placements import TITLES
from store.advice.workload import Workload
from store.engine.landing import Landed, Landing, is_missing
from store.topology import writing


def landing_document(landing: Landing) -> dict[str, Any]:
    """Return the JSON of a landing."""
    return {
        "engine": landing.features.engine,
        "version": landing.features.version,
        "place": landing.place,
        "title": TITLES[landing.place],
        "answers": [
            {
                "answer": one.answer,
                "level": one.support.level.value,
                "reason": one.support.why or None,
                "instead": one.support.instead or None,
            }
            for one in landing.answers
        ],
        "left_out": [one._asdict() for one in landing.left_out],
        "topology": writing.document(landing.topology),
    }


def landing_lines(workload: Workload, landing: Landing) -> Iterator[StyledLine]:
    """Yield the page, as (style, line)."""
    engine = "file" if landing.features.engine == "sqlite" else landing.features.engine
    yield "bold", f"{workload.name} on {engine}: {TITLES[landing.place]}"
    yield "", ""
    yield from section("ANSWERS", map(_answer, landing.answers))
    yield from section("LEFT OUT", map(str, landing.left_out))
    yield "", ""
    yield "bold", f"CREATE        mq advise … --for {engine} --yaml | mq -s PLACE apply -"
    for line in writing.yaml(landing.topology).splitlines():
        yield "", f"  {line}"


def _answer(landed: Landed) -> str:
    support = landed.support
    why = f": {support.why}" if support.why else ""
    instead = f"; instead: {support.instead}" if is_missing(landed) and support.instead else ""
    return f"{landed.answer}: {support.level.value}{why}{instead}"
