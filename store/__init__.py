"""The broker: topics, groups, queues and exchanges in one SQLite file, with no server."""

from importlib import import_module
from typing import TYPE_CHECKING

from store.errors import (
    BadInput,
    BadRecord,
    Busy,
    Conflict,
    Damaged,
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
    StalePlan,
    StoreFull,
    StoreUnusable,
    Throttled,
    TimedOut,
    Unavailable,
    Unroutable,
)

if TYPE_CHECKING:
    from store.broker import Store
    from store.consumer import Consumer
    from store.groups.reset import Shift
    from store.log.positions import Position, parse_position
    from store.messages import Message, MessageId, NewMessage
    from store.models import NewRecord, Record, RecordId
    from store.producer import Producer
    from store.routes import Binding, Exchange, Route, RouteExplanation
    from store.shared_records import SharedRecord
    from store.transaction import Transaction
    from store.watch.doctor.diagnosis import Diagnosis, Severity
    from store.watch.models import Overview, Stall, Subject

__all__ = [
    "BadInput",
    "BadRecord",
    "Binding",
    "Busy",
    "Conflict",
    "Consumer",
    "Damaged",
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
    "Unroutable",
    "parse_position",
]

# Imported when asked for: who needs an error only does not wait for the broker.
_LATER = {
    "Binding": "store.routes",
    "Consumer": "store.consumer",
    "Diagnosis": "store.watch.doctor.diagnosis",
    "Exchange": "store.routes",
    "Message": "store.messages",
    "MessageId": "store.messages",
    "NewMessage": "store.messages",
    "NewRecord": "store.models",
    "Overview": "store.watch.models",
    "Position": "store.log.positions",
    "Producer": "store.producer",
    "Record": "store.models",
    "RecordId": "store.models",
    "Route": "store.routes",
    "RouteExplanation": "store.routes",
    "Severity": "store.watch.doctor.diagnosis",
    "SharedRecord": "store.shared_records",
    "Shift": "store.groups.reset",
    "Stall": "store.watch.models",
    "Store": "store.broker",
    "Subject": "store.watch.models",
    "Transaction": "store.transaction",
    "parse_position": "store.log.positions",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
