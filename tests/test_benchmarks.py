"""The measurements run, as small as they may be, and say what they promise; nothing is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
GROWTH = {"subject", "call", "size", "microseconds", "ratio"}
# It makes a store of 1,000 partitions and 100,000 message groups, whatever it is asked for.
LARGE = {"snapshot", "dashboard"}
# It starts another system's server, and clients that take a second each to be imported.
SLOW_TO_START = {"serve_sqs"}
SHARED = {"harness", "growth", "scale_subjects"}
FIELDS: dict[str, tuple[list[str], set[str]]] = {
    "growth_queue": (["--trials", "2", "--only", "ready", "10", "20"], GROWTH),
    "growth_log": (["--trials", "2", "--only", "records", "100", "200"], GROWTH),
    "growth_share": (["--trials", "2", "10", "20"], GROWTH),
    "routing": (["--rounds", "1", "10", "20"], GROWTH),
    "topology": (["10"], {"objects", "validate", "plan", "apply", "no_change", "export"}),
    "file_size": (["100"], {"kind", "size", "bytes", "empty", "ratio"}),
    "processes": (
        ["--seconds", "0.2", "1"],
        {"processes", "role", "per_second", "p50", "p99", "longest", "fairness", "busy"},
    ),
    "senders": (
        ["--messages", "2", "--rounds", "1", "2"],
        {"sender", "senders", "per_second", "cpu", "ratio", "durability"},
    ),
    "subscribers": (
        ["--subscribers", "5", "--seconds", "0.1", "2"],
        {"subscribers", "queues", "megabytes", "idle", "wakeup"},
    ),
    "serve_sqs": (
        ["--calls", "10", "--backlog", "20", "--polls", "2", "--seconds", "0.1", "1"],
        {"server", "figure", "clients", "value", "unit", "server_ms", "client_ms", "ratio"},
    ),
    "wakeup": (["--trials", "2", "--idle", "0.1"], {"waits", "p50", "p95", "longest", "idle"}),
    "upkeep": (
        ["--seconds", "0.1", "--rounds", "1", "--limit", "100000"],
        {"topic", "per_second", "p50", "p99", "longest", "removed", "ratio", "least", "most"},
    ),
    "cold": (
        ["--records", "10000", "--rounds", "1"],
        {"place", "records", "per_second", "least", "most", "from_disk"},
    ),
    "holders": (
        ["--trials", "1", "1", "2"],
        {"holders", "leases", "queue_show", "stalls", "first_receive", "next_receive"}
        | {"idle_receive"},
    ),
    "freezes": (
        ["--seconds", "1", "--processes", "3"],
        {"calls", "stops", "kills", "longest_stop", "longest_call", "beyond", "lost", "doubled"},
    ),
    "calls": ([], {"call", "functions", "files", "depth", "statements"}),
    "startup": (["--runs", "1"], {"command", "best", "reference_best", "ratio", "median_ratio"}),
    "scale": (
        ["--only", "groups: group list", "10", "20"],
        {"subject", "command", "size", "wall", "cpu", "each", "ratio"},
    ),
    "memory": (["--size", "2MB"], {"command", "megabytes", "seconds", "peak_megabytes"}),
}


def test_every_measurement_is_tried_here() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} - SHARED - LARGE == set(FIELDS)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.nightly) if name in SLOW_TO_START else name
        for name in FIELDS
    ],
)
def test_a_measurement_saves_what_it_found_with_the_machine_it_is_from(
    name: str, tmp_path: Path
) -> None:
    arguments, fields = FIELDS[name]

    run = measured(name, *arguments, "--save", str(tmp_path))

    file = tmp_path / "benchmarks" / "results" / f"{name.replace('_', '-')}.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert run.stdout, run.stderr
    assert document["rows"]
    assert all(fields <= set(row) for row in document["rows"])
    assert {"cores", "load", "python", "sqlite", "date"} <= set(document["machine"])


def test_a_growth_is_drawn_with_a_bar_for_every_size(tmp_path: Path) -> None:
    words = ["--trials", "1", "--only", "records", "--save", str(tmp_path)]

    rows = json.loads(measured("growth_log", *words, "--json", "50", "100").stdout)["rows"]

    picture = (tmp_path / "docs" / "captures" / "growth-log.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg ")
    assert picture.count("<rect ") == len(rows) + 1


def measured(name: str, *arguments: str) -> subprocess.CompletedProcess[Any]:
    """A run of a script; its exit status tells of goals, so it depends on the machine."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
