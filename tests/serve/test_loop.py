"""mq's own engine of SQS on mq's own server of SQS, and the file behind it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mq.testing import serve
from store import Store
from store.api.places import open_at
from store.engine.places import read_place
from tests.support.processes import ROOT
from tests.support.serving import Server

pytestmark = pytest.mark.xdist_group("serve-loop")


def test_a_message_sent_to_the_server_by_the_engine_is_in_the_file(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    place = read_place(f"sqs://eu-west-1?endpoint={server.url}")

    with open_at(place) as there, Store.open(server.path) as here:
        there.create_queue("jobs", lease=45)
        there.send("jobs", b"in by SQS", headers={"n": 1})
        (message,) = here.messages("jobs")
        assert (message.value, dict(message.headers)) == (b"in by SQS", {"n": 1})
        assert here.queue_config("jobs").lease == 45_000

        (received,) = there.receive("jobs")
        assert [lease.address for lease in here.leases("jobs")] == [message.address]
        there.ack([str(received.receipt)])
        assert here.messages("jobs") == []


@pytest.mark.nightly
def test_the_behaviours_of_engines_hold_for_sqs_on_this_server() -> None:
    words = [
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "tests/engines",
        "-k",
        "sqs",
    ]
    with serve() as ports:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | {"MQ_TEST_SQS": ports.sqs_url},
            capture_output=True,
            text=True,
        )

    assert done.returncode == 0, done.stdout
