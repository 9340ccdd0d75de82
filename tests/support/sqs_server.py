"""The SQS of the tests: Moto as a server, in a process of its own; or the one of a URL.

Moto is a judge of our calls, and no judge of Amazon's rules: it takes what the service refuses.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from mq.testing import serve

VARIABLE = "MQ_TEST_SQS"
REGION = "eu-west-1"
# Moto takes any.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "c4n4ry-of-aws"}
_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@cache
def endpoint() -> str:
    """The URL of the server of this session; it ends with this process."""
    url = os.environ.get(VARIABLE)
    if url:
        return url
    pytest.importorskip("moto.server", reason="no SQS: Moto is not installed")
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    server.stdout.close()
    atexit.register(server.wait)
    atexit.register(server.stdin.close)
    return f"http://127.0.0.1:{port}"


def is_moto() -> bool:
    """Whether the judge is Moto, with its gaps."""
    return not os.environ.get(VARIABLE)


def gaps() -> dict[str, str]:
    """Tests of the engines that Moto can't show, and why; recorded answers show the same."""
    if not is_moto():
        return {}
    no_moves = "Moto has no StartMessageMoveTask"
    return {
        "test_a_redrive_sends_them_back_as_they_were[sqs]": no_moves,
        "test_a_redrive_goes_elsewhere_if_told[sqs]": no_moves,
        "test_a_redrive_is_undone[sqs]": no_moves,
        "test_what_is_sent_twice_is_stored_once[sqs]": "Moto gives a duplicate a new id",
        "test_after_its_last_delivery_it_is_a_dead_letter[sqs]": "Moto tells no source of a letter",
        "test_a_setting_is_kept[sqs-redrive_allow]": "Moto forgets RedriveAllowPolicy",
    }


@cache
def _create_loader(search_path_string: str | None = None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(search_path_string)


@contextmanager
def served() -> Iterator[str]:
    """A store served by `mq serve`, as a place of SQS: the engine on a file again."""
    with serve() as ports, account(ports.sqs_url) as url:
        yield url


@contextmanager
def account(at: str = "") -> Iterator[str]:
    """A part of the account that is of one test: the queues with a prefix; yield its place.

    Credentials are found as AWS finds them: in the environment.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        import botocore.session

        # What AWS has is read anew for each client otherwise, in most of its time.
        patch.setattr(botocore.session, "create_loader", _create_loader)
        # No files of the person at this machine, and no look for a machine of Amazon's.
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield f"sqs://{REGION}?endpoint={at or endpoint()}&prefix=t{uuid4().hex[:8]}-"
