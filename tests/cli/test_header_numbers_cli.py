"""Whole numbers in headers on the command line and in files: 64 bits with a sign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import Run, RunMq

LEAST, MOST = -(2**63), 2**63 - 1
TAKEN = [LEAST, MOST]
TOO_LARGE = [str(LEAST - 1), str(MOST + 1), "1" + 30 * "0", 5000 * "9"]
WORDS = [
    "produce t v -H n:={}",
    "produce q v -H n:={}",
    "publish e v -H n:={}",
    "bind e q -H n:={}",
    "route e -H n:={}",
]


@pytest.fixture
def shop(path: Path) -> Store:
    """A store with a topic, a queue and a headers exchange; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        store.create_queue("q")
        store.create_exchange("e", "headers")
    return store


@pytest.mark.parametrize("words", WORDS)
def test_typed_headers_have_one_limit(call_mq: RunMq, shop: Store, words: str) -> None:
    for number in TAKEN:
        assert call_mq(*words.format(number).split()).code == 0
    for digits in TOO_LARGE:
        assert call_mq(*words.format(digits).split()).is_refused(2)


@pytest.mark.parametrize("destination", ["t", "q"])
def test_envelopes_have_it_too(run_mq: RunMq, shop: Store, path: Path, destination: str) -> None:
    words = ["-s", str(path), "produce", destination, "--framing", "ndjson"]

    def produce(number: str) -> int:
        line = f'{{"value":"v","headers":{{"n":{number}}}}}\n'
        return run_mq(*words, stdin=line.encode()).code

    assert [produce(number) for number in (*map(str, TAKEN), *TOO_LARGE)] == [0, 0, 2, 2, 2, 2]
    shown = run_mq("-s", str(path), "peek", destination, "-o", "ndjson").text.splitlines()
    assert [json.loads(line)["headers"]["n"] for line in shown] == TAKEN


def applied(call_mq: RunMq, folder: Path, number: str) -> Run:
    (folder / "shop.yaml").write_text(
        "version: 1\nqueues: {q: {}}\nexchanges: {e: {type: headers}}\n"
        f"bindings: [{{from: e, to: q, headers: {{n: {number}}}}}]\n"
    )
    return call_mq("apply", "shop.yaml")


@pytest.mark.parametrize("digits", [*map(str, TAKEN), "0x7fffffffffffffff", "0o17"])
def test_topology_files_take_what_fits(call_mq: RunMq, tmp_path: Path, digits: str) -> None:
    assert applied(call_mq, tmp_path, digits).code == 0


@pytest.mark.parametrize("digits", [*TOO_LARGE, "0x8000000000000000"], ids=len)
def test_topology_files_name_the_place_of_what_does_not(
    call_mq: RunMq, tmp_path: Path, digits: str
) -> None:
    run = applied(call_mq, tmp_path, digits)

    assert (run.code, run.out) == (2, b"")
    assert run.err.startswith("shop.yaml:4:42: error: ")
    assert "beyond 64 bits" in run.err


@pytest.mark.parametrize("digits", TOO_LARGE, ids=len)
def test_as_text_they_may_have_any_length(call_mq: RunMq, tmp_path: Path, digits: str) -> None:
    assert applied(call_mq, tmp_path, f"'{digits}'").code == 0
