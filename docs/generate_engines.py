"""Writes the table of features into docs/engines.md from the declarations of the engines.

`python docs/generate_engines.py`
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from store.api.places import all_features
from store.engine.features import Feature, Level, Support
from store.kafka import features as kafka
from store.rabbitmq import features as rabbitmq
from store.sqs import features as sqs

TARGET = Path(__file__).with_name("engines.md")
_FIRST, _LAST = "<!-- features: written by docs/generate_engines.py -->\n", "<!-- end -->"
# What the tests run on.
_RUN = {
    kafka.ENGINE: f"run on {', '.join(kafka.RUN)}; later versions are read, not run",
    rabbitmq.ENGINE: f"run on {', '.join(rabbitmq.RUN)}; later versions are read, not run",
    sqs.ENGINE: "calls run on Moto; the rules are read of Amazon's own",
}
_MARKS = {Level.NATIVE: "yes", Level.COMPOSED: "composed", Level.ABSENT: "-"}


def with_table(text: str) -> str:
    """Return the page with the table of today's declarations."""
    before, _, rest = text.partition(_FIRST)
    _, _, after = rest.partition(_LAST)
    return f"{before}{_FIRST}\n{''.join(_lines())}\n{_LAST}{after}"


def _lines() -> Iterator[str]:
    engines = all_features()
    names = ["file" if name == "sqlite" else name for name in engines]
    yield f"| feature | {' | '.join(names)} | meaning |\n"
    yield f"|---|{'---|' * len(engines)}---|\n"
    for feature in Feature:
        cells = " | ".join(_MARKS[one[feature].level] for one in engines.values())
        yield f"| {feature.word} | {cells} | {feature.meaning} |\n"
    for name, features in engines.items():
        reasons = [(one, features[one]) for one in Feature if features[one].why]
        if reasons:
            yield f"\nWhy, on {name} ({_RUN[name]}):\n\n"
            yield from (_reason(feature, support) for feature, support in reasons)


def _reason(feature: Feature, support: Support) -> str:
    instead = f" Instead: {support.instead}." if support.instead else ""
    since = f" Since {support.since}." if support.since else ""
    return f"- **{feature.word}**: {support.why}.{since}{instead}\n"


if __name__ == "__main__":
    TARGET.write_text(with_table(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
