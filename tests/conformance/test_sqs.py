"""What SQS does, case by case: facts from its own tests and recorded answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Engine
from tests.support.sqs_cases import CASES
from tests.support.sqs_frame import Queues
from tests.support.sqs_order_cases import ORDER_CASES
from tests.support.sqs_sharing_cases import SHARING_CASES

ALL_CASES = CASES | ORDER_CASES | SHARING_CASES
DATA = Path(__file__).parent / "data" / "sqs.json"
KNOWN: dict[str, dict[str, Any]] = {case["id"]: case for case in json.loads(DATA.read_text())}

_GATEWAY = "a limit or form of the wire protocol: it belongs to the gateway"
_NO_ATTEMPT_IDS = "no receive attempt ids and no scan window"
_FOREGROUND = "redrive is a command in the foreground, with a journal and undo"
_EXISTS = "create of a queue that exists is refused unless if_not_exists"
_NAMES = "mq has its own name rule, no .fifo suffix and no pause after a delete"

DEPARTURES = {
    "sqs-013": "an older receipt is refused: lease lost",
    "sqs-032": _GATEWAY,
    "sqs-038": "no upper limit on a delay: the 900 s belong to the gateway",
    "sqs-065": _NO_ATTEMPT_IDS,
    "sqs-103": _FOREGROUND,
    "sqs-105": _FOREGROUND,
    "sqs-118": _GATEWAY,
    "sqs-120": _GATEWAY,
    "sqs-122": _GATEWAY,
    "sqs-124": _GATEWAY,
    "sqs-126": _GATEWAY,
    "sqs-128": _GATEWAY,
    "sqs-132": _GATEWAY,
    "sqs-134": _GATEWAY,
    "sqs-145": _EXISTS,
    "sqs-147": _EXISTS,
    "sqs-149": _NAMES,
    "sqs-151": _NAMES,
    "sqs-155": _NAMES,
    "sqs-171": _NO_ATTEMPT_IDS,
} | {
    case["id"]: _GATEWAY for case in KNOWN.values() if case["area"] in {"wire", "md5", "attributes"}
}


@pytest.mark.parametrize("id", sorted(ALL_CASES))
def test_it_is_as_in_sqs(id: str, engine: Engine, queues: Queues) -> None:
    engine.must_pass(id)
    drive: Callable[[Queues], None] = ALL_CASES[id]

    drive(queues)


def test_every_case_is_in_exactly_one_list() -> None:
    listed = [*ALL_CASES, *DEPARTURES]

    assert sorted(listed) == sorted(KNOWN)
