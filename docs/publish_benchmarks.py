"""Measure mq beside other queues, and write the tables of README.md and docs/performance.md.

    python docs/publish_benchmarks.py [--runs 5] [--messages 2000] [--from FILE]

It runs `mq bench --goals` on a machine that should have nothing else to do, saves the figures in
benchmarks/results/side-by-side.json, draws the picture, and replaces what stands between the marks
`<!-- bench: NAME -->` and `<!-- /bench -->`. With `--from` it takes figures that were saved before.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "side-by-side.json"
PICTURE = ROOT / "docs" / "captures" / "side-by-side.svg"
PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")
OURS = "mq"
_PEERS = ("litequeue", "localqueue", "persist-queue", "redis stream", "bare table")
_SUMMARY = (
    "send, full", "receive+ack, full", "send", "receive+ack", "send x100", "receive+ack x100",
)  # fmt: skip

Figures = dict[str, Any]


def main() -> int:
    """Measure, save, and write the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--from", dest="file", type=Path, help="figures of an earlier run")
    given = parser.parse_args()
    if given.file is None:
        text = _measured(given.runs, given.messages)
    else:
        text = given.file.read_text(encoding="utf-8")
    figures = json.loads(text)
    RESULTS.write_text(text, encoding="utf-8")
    for page in PAGES:
        page.write_text(published(page.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return 0


def _measured(runs: int, messages: int) -> str:
    words = ["--goals", "--runs", str(runs), "--messages", str(messages), "-o", "json"]
    bench = subprocess.run(
        [sys.executable, "-m", "mq", "bench", *words, "--chart-file", str(PICTURE)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    # A goal that is missed is an exit status of 1, and published as missed.
    if bench.returncode not in (0, 1) or not bench.stdout:
        raise SystemExit(bench.returncode or 1)
    return bench.stdout


def published(page: str, figures: Figures) -> str:
    """Return a page with each marked table made of these figures."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- bench: {name} -->\n{TABLES[name](figures)}\n<!-- /bench -->"

    return re.sub(r"<!-- bench: (\w+) -->\n.*?<!-- /bench -->", table, page, flags=re.DOTALL)


def goals(figures: Figures) -> str:
    """Return every goal, with the peer, the backlog, and the wanted and the reached ratio."""
    rows = [
        (
            _call(goal["workload"]),
            _number(goal["waiting"]),
            goal["peer"],
            f"{goal['goal']:g}" if goal["goal"] else "-",
            f"{goal['ratio']:.2f}",
            ("met" if goal["met"] else "missed") if goal["goal"] else "reported",
        )
        for goal in figures["goals"]
    ]
    return _table(("Workload", "Waiting", "Beside", "Goal", "mq is", ""), "lrlrrl", rows)


def rates(figures: Figures) -> str:
    """Return the rate of each contender at each workload that mq has too."""
    rows: list[Sequence[str]] = []
    for workload in dict.fromkeys(row["workload"] for row in figures["figures"]):
        of = [row for row in figures["figures"] if row["workload"] == workload]
        ours = next((row for row in of if row["contender"] == OURS), None)
        if ours is not None:
            others = [
                f"{row['contender']} {row['rate']:,} ({row['ratio']:.2f})"
                for row in of
                if row is not ours
            ]
            waiting = _number(ours["waiting"])
            rows.append((_call(workload), waiting, f"{ours['rate']:,}", ", ".join(others)))
    heads = ("Messages a second", "Waiting", "mq", "Others (mq is so many times as fast)")
    return _table(heads, "lrrl", rows)


def summary(figures: Figures) -> str:
    """Return the rates of the peers that keep a message until it is done, at a usual backlog."""
    rate = {(row["workload"], row["contender"]): row["rate"] for row in figures["figures"]}
    rows = [
        (workload, *(_number(rate.get((workload, contender))) for contender in (OURS, *_PEERS)))
        for workload in _SUMMARY
    ]
    return _table(("Messages a second", OURS, *_PEERS), "l" + "r" * (1 + len(_PEERS)), rows)


def _call(workload: str) -> str:
    return workload.removesuffix(", few waiting").removesuffix(", many waiting")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _table(heads: Sequence[str], sides: str, rows: Sequence[Sequence[str]]) -> str:
    rules = ["--:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rules, *rows))


TABLES: dict[str, Callable[[Figures], str]] = {
    "goals": goals,
    "rates": rates,
    "summary": summary,
}


if __name__ == "__main__":
    sys.exit(main())
