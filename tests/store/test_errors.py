"""Errors as a program meets them: one tree, and whole wherever they are raised."""

from __future__ import annotations

import pickle

import pytest

from store import BadRecord, LeaseLost, MqError, NewRecord, Store
from store.topology.problems import InvalidTopology, Problem, SourcePosition


def test_an_error_passes_from_process_to_process_whole(orders: Store) -> None:
    with pytest.raises(BadRecord) as caught:
        orders.produce_many("orders", [NewRecord("good"), NewRecord("bad", partition=9)])
    received = pickle.loads(pickle.dumps(caught.value))

    assert type(received) is BadRecord
    assert (received.index, received.message, received.hint, received.code) == (
        1,
        caught.value.message,
        caught.value.hint,
        "bad_input",
    )


def test_the_reasons_of_several_refusals_pass_with_it() -> None:
    error = LeaseLost("2 of 3 receipts were refused")
    error.failures = {"r1": LeaseLost("lost", "again"), "r2": MqError("failed")}
    received = pickle.loads(pickle.dumps(error))

    assert {receipt: str(reason) for receipt, reason in received.failures.items()} == {
        "r1": "lost",
        "r2": "failed",
    }
    assert received.failures["r1"].hint == "again"


def test_the_problems_of_a_topology_pass_with_it() -> None:
    problems = [Problem(SourcePosition("a.yaml", 1, 2), "error", "no such key")]
    received = pickle.loads(pickle.dumps(InvalidTopology(problems)))

    assert received.problems == problems
