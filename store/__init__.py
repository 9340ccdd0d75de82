"""The broker: topics, groups, queues and exchanges in one SQLite file, with no server."""

from store.broker import Store
from store.consumer import Consumer
from store.errors import (
    BadInput,
    BadRecord,
    Busy,
    Conflict,
    Damaged,
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
from store.groups.reset import Shift
from store.messages import Message, MessageId, NewMessage, SharedRecord
from store.models import NewRecord, Record, RecordId
from store.positions import Position, parse_position
from store.producer import Producer
from store.routes import Binding, Exchange, Route, RouteExplanation
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
