"""An engine that has nothing refuses every command with exit 2 and one line that says why."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

from mq.command_line import run
from store.api import places
from tests.support.empty_engine import FEATURES, open_nothing

ROOT = Path(__file__).parents[2]
PLACE = "nothing://host"

COMMANDS = """
init
topic create t | topic list | topic show t | topic delete t | topic alter t --retention 1d
topic trim t --before 1 | topic compact t | topic latest t
queue create q | queue list | queue show q | queue delete q --yes | queue purge q --yes
queue alter q --ttl 1m
share create s t | share list | share show s | share alter s --lease 1m | share delete s --yes
share reset s --to earliest | share skip s t/0@1
group create g | group alter g --topic t | group list | group show g | group members g
group delete g | group reset g --topic t --to earliest | group skip g t/0@1
lease list | lease release q@1
dlq list | dlq peek q | dlq purge q --yes | dlq redrive q | dlq undo | dlq edit q@1 --value x
dlq export q | dlq import q {letters}
exchange create e -t topic | exchange list | exchange show e | exchange alter e --alternate f
exchange delete e --yes | bind e q | unbind e q | binding list | route e -k k
produce q value | publish e value -k k
consume q | work q -- true | pipe t u -g g -- cat | project t table --pk id
peek q | receive q | ack r | nack r | extend r --for 1m
plan {topology} | apply {topology} | export | migrate nothing://o | serve --sqs 0
list | show q | status | lag | stalls | doctor | metrics
verify | backup copy.db | restore copy.db | vacuum
store show | store set durability full | store accept
"""
ELSEWHERE = {
    "import": "reads a file of definitions",
    "validate": "reads topology files",
    "advise": "looks at a file, if there is one, and at no server",
    "bench": "measures this machine",
    "demo": "works in a folder of its own",
    "salvage": "takes two files",
    "features": "shows what is absent",
    "dashboard": "needs a terminal",
}


def every_command() -> list[str]:
    spec = importlib.util.spec_from_file_location("cli", ROOT / "docs" / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [path for path, command in module.commands() if not isinstance(command, TyperGroup)]


LINES = [line.strip() for row in COMMANDS.strip().splitlines() for line in row.split("|")]


@pytest.fixture
def empty_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """The engine in the place of any, and the files that commands read."""
    monkeypatch.setattr(places, "opener", lambda place: open_nothing)
    monkeypatch.setattr(places, "all_features", lambda: {"nothing": FEATURES})
    monkeypatch.chdir(tmp_path)
    topology, letters = tmp_path / "topology.yaml", tmp_path / "letters.ndjson"
    topology.write_text("version: 1\nqueues: {q: {}}\n")
    letters.write_text("")
    (tmp_path / "copy.db").touch()
    return {"topology": topology, "letters": letters}


def test_every_command_is_walked_or_needs_no_store() -> None:
    walked = {" ".join(shlex.split(line)[:2]) for line in LINES}
    walked |= {line.split()[0] for line in LINES}
    paths = {path.removeprefix("mq ") for path in every_command()}
    assert paths - walked - ELSEWHERE.keys() == {"mq"} & paths


@pytest.mark.parametrize("line", LINES)
def test_a_command_ends_with_2_and_names_the_feature(
    line: str, empty_engine: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    code = run(["-s", PLACE, *shlex.split(line.format(**empty_engine))])
    out, err = capfd.readouterr()
    assert (code, out) == (2, "")
    first, hint = err.splitlines()
    assert first.startswith("mq: error: nothing has no ")
    assert first.endswith(": it is empty")
    assert hint == "hint: take a file"


def test_the_error_as_json_has_the_feature(
    empty_engine: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    run(["-s", PLACE, "topic", "trim", "t", "--before", "1", "-o", "json"])
    error = json.loads(capfd.readouterr().err)["error"]
    assert (error["code"], error["feature"]) == ("unsupported", "trim")
