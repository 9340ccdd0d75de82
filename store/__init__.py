"""The broker: topics, groups, queues and exchanges in one SQLite file, with no server."""

from typing import TYPE_CHECKING

from store.lazy import on_demand
from store.model.errors import (
    BadInput,
    BadRecord,
    Busy,
    Conflict,
    Damaged,
    Denied,
    DeviceError,
    Exists,
    Fenced,
    ForeignFile,
    GroupActive,
    LeaseLost,
    MqError,
    NewerStore,
    NotFound,
    OutcomeUnknown,
    QueueFull,
    ReadOnly,
    StalePlan,
    StoreFull,
    StoreUnusable,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
    Unroutable,
    Unsupported,
)

if TYPE_CHECKING:
    from store.api.consumer import Consumer
    from store.api.places import open_place
    from store.api.producer import Producer
    from store.api.store import Store
    from store.api.transaction import Transaction
    from store.model.diagnoses import Diagnosis, Severity
    from store.model.exchanges import Binding, Exchange, Route, RouteExplanation
    from store.model.messages import Message, MessageId, NewMessage
    from store.model.positions import Position, Shift, parse_position
    from store.model.shares import SharedRecord
    from store.model.stalls import Overview, Stall, Subject
    from store.model.topics import NewRecord, Record, RecordId

__all__ = [
    "BadInput",
    "BadRecord",
    "Binding",
    "Busy",
    "Conflict",
    "Consumer",
    "Damaged",
    "Denied",
    "DeviceError",
    "Diagnosis",
    "Exchange",
    "Exists",
    "Fenced",
    "ForeignFile",
    "GroupActive",
    "LeaseLost",
    "Message",
    "MessageId",
    "MqError",
    "NewMessage",
    "NewRecord",
    "NewerStore",
    "NotFound",
    "OutcomeUnknown",
    "Overview",
    "Position",
    "Producer",
    "QueueFull",
    "ReadOnly",
    "Record",
    "RecordId",
    "Route",
    "RouteExplanation",
    "Severity",
    "SharedRecord",
    "Shift",
    "StalePlan",
    "Stall",
    "Store",
    "StoreFull",
    "StoreUnusable",
    "Subject",
    "Throttled",
    "TimedOut",
    "Transaction",
    "Unavailable",
    "Unreachable",
    "Unroutable",
    "Unsupported",
    "open_place",
    "parse_position",
]

# A program that only needs an error does not wait for the broker.
_LAZY = {
    "Binding": "store.model.exchanges",
    "Consumer": "store.api.consumer",
    "Diagnosis": "store.model.diagnoses",
    "Exchange": "store.model.exchanges",
    "Message": "store.model.messages",
    "MessageId": "store.model.messages",
    "NewMessage": "store.model.messages",
    "NewRecord": "store.model.topics",
    "Overview": "store.model.stalls",
    "Position": "store.model.positions",
    "Producer": "store.api.producer",
    "Record": "store.model.topics",
    "RecordId": "store.model.topics",
    "Route": "store.model.exchanges",
    "RouteExplanation": "store.model.exchanges",
    "Severity": "store.model.diagnoses",
    "SharedRecord": "store.model.shares",
    "Shift": "store.model.positions",
    "Stall": "store.model.stalls",
    "Store": "store.api.store",
    "Subject": "store.model.stalls",
    "Transaction": "store.api.transaction",
    "open_place": "store.api.places",
    "parse_position": "store.model.positions",
}


__getattr__ = on_demand(__name__, _LAZY)


def __dir__() -> list[str]:
    return __all__
