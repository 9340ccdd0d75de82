"""The mock cluster inside librdkafka: it runs anywhere, and has no administration.

The package for Python has no word for its topics, so the library is called by ctypes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

_POINTER, _TEXT, _SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
_CALLS: dict[str, tuple[Any, list[Any]]] = {
    "conf_new": (_POINTER, []),
    "conf_set": (ctypes.c_int, [_POINTER, _TEXT, _TEXT, _TEXT, _SIZE]),
    "new": (_POINTER, [ctypes.c_int, _POINTER, _TEXT, _SIZE]),
    "destroy": (None, [_POINTER]),
    "mock_cluster_new": (_POINTER, [_POINTER, ctypes.c_int]),
    "mock_cluster_destroy": (None, [_POINTER]),
    "mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "mock_topic_create": (ctypes.c_int, [_POINTER, _TEXT, ctypes.c_int, ctypes.c_int]),
    "mock_group_initial_rebalance_delay_ms": (None, [_POINTER, ctypes.c_int32]),
    "mock_clear_request_errors": (None, [_POINTER, ctypes.c_int16]),
    "mock_push_request_errors_array": (None, [_POINTER, ctypes.c_int16, _SIZE, _POINTER]),
}
_NO_TIMES = "it finds no offset by a time"
_NO_DESCRIPTION = "it does not tell the members of a group"
_NO_WAY_BACK = "it gives a member nothing where another one has left"
_GAPS = {
    "test_a_time_is_the_first_record_at_or_after_it": _NO_TIMES,
    "test_a_group_is_shown_by_its_offsets": _NO_DESCRIPTION,
    "test_an_unknown_group_is_not_found": _NO_DESCRIPTION,
    "test_a_group_goes_on_where_it_committed": _NO_WAY_BACK,
    "test_what_is_not_committed_is_read_again": _NO_WAY_BACK,
    "test_another_takes_over_when_it_leaves": _NO_WAY_BACK,
    "test_it_is_refused_while_a_member_reads": _NO_WAY_BACK,
}
_clusters: dict[str, int] = {}


def gaps(engine: str) -> dict[str, str]:
    """Return the tests of an engine that the mock can't show, and why."""
    return {f"{name}[{engine}]": reason for name, reason in _GAPS.items()}


@contextmanager
def cluster() -> Iterator[str]:
    """Yield the place of a mock cluster of one server, without topics."""
    kafka = _library()
    said = ctypes.create_string_buffer(200)
    config = kafka.conf_new()
    kafka.conf_set(config, b"log_level", b"0", said, len(said))
    client = kafka.new(0, config, said, len(said))
    handle = kafka.mock_cluster_new(client, 1)
    kafka.mock_group_initial_rebalance_delay_ms(handle, 0)
    url = f"kafka://{kafka.mock_cluster_bootstraps(handle).decode()}"
    _clusters[url] = handle
    try:
        yield url
    finally:
        del _clusters[url]
        kafka.mock_cluster_destroy(handle)
        kafka.destroy(client)


def create_topic(url: str, name: str, partitions: int) -> None:
    """Create a topic of a mock cluster."""
    assert _library().mock_topic_create(_clusters[url], name.encode(), partitions, 1) == 0


def fail(url: str, call: int, *errors: int) -> None:
    """Let the next calls of one number be answered by errors, in place of any before."""
    _library().mock_clear_request_errors(_clusters[url], call)
    codes = (ctypes.c_int * len(errors))(*errors)
    _library().mock_push_request_errors_array(_clusters[url], call, len(errors), codes)


class _Library:
    """The functions of librdkafka that are used, without their prefix."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _CALLS.items():
            function = getattr(library, f"rd_kafka_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@cache
def _library() -> _Library:
    folder = Path(confluent_kafka.__file__).parents[1]
    places = ("confluent_kafka.libs", "confluent_kafka/.dylibs")
    files = [file for place in places for file in folder.glob(f"{place}/librdkafka*")]
    if not files:
        pytest.skip("librdkafka is not in the package confluent-kafka, but of the system")
    return _Library(files[0])
