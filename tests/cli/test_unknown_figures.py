"""A figure that an engine does not know is a dash for people, null in JSON, and never 0."""

from __future__ import annotations

from mq.cli.output import Column
from mq.commands.operations.lag_columns import LAG, lag_document
from mq.commands.queue.columns import QUEUES, queue_document
from mq.commands.store.status import status_document, status_fields
from mq.write.requests import id_document
from store import MessageId, Overview
from store.model.groups import Lag
from store.model.maintenance import PlaceStatus
from store.model.metrics import Family
from store.model.queues import QueueConfig, QueueStatus
from tui.widgets.figures import known_cell
from tui.widgets.frame import vitals_line
from tui.widgets.spans import plain

BEHIND = Lag("g", "t", 0, None, 0, 9, 9, None, None, None, None, "unassigned")
QUEUE = QueueStatus("q", QueueConfig(), 0, 3, None, None, 0, None, None, 0, 0, 0)
ELSEWHERE = PlaceStatus(
    location="rabbitmq://host/shop", engine="rabbitmq", version="4.1.0", topics=0, queues=2,
    shares=None, groups=None, exchanges=1, records=None,
)  # fmt: skip
FLAG = "given with --store"


def shown(columns: list[Column[QueueStatus]] | list[Column[Lag]], row: object) -> dict[str, str]:
    return {column.name: column.shown(row) for column in columns}  # type: ignore[arg-type]


def test_a_lag_of_unknown_age_size_and_trend_has_dashes() -> None:
    cells = shown(LAG, BEHIND)
    unknown = {name for name, cell in cells.items() if cell == "-"}
    assert unknown == {"committed", "lag_seconds", "lag_bytes", "trend", "member"}
    assert cells["lag"] == "9"


def test_it_has_nulls_as_json() -> None:
    document = lag_document(BEHIND)
    assert {document[name] for name in ("committed", "lag_seconds", "lag_bytes", "trend")} == {None}


def test_a_queue_whose_leased_messages_are_unknown_has_dashes() -> None:
    cells = shown(QUEUES, QUEUE)
    assert [cells[state] for state in ("ready", "leased", "delayed", "blocked")] == [
        "3", "-", "-", "0",
    ]  # fmt: skip


def test_such_a_queue_has_nulls_as_json_and_at_least_what_is_known() -> None:
    document = queue_document(QUEUE)
    assert (document["leased"], document["delayed"], document["bytes"]) == (None, None, None)
    assert QUEUE.messages == 3


def test_the_dashboard_has_a_dash_and_a_metric_no_sample() -> None:
    family = Family("mq_queue_bytes", "gauge", "Bytes.")
    family.add(QUEUE.bytes)
    assert (plain(known_cell(QUEUE.leased)), plain(known_cell(0))) == ("-", "0")
    assert family.samples == []


def test_a_place_on_a_server_has_its_engine_and_dashes_where_a_file_has_sizes() -> None:
    overview = Overview(0, ELSEWHERE, 0.0, 0.0, 0, 0, (), ())
    document, fields = status_document(overview, FLAG), status_fields(overview, FLAG)
    assert fields["engine"] == "rabbitmq 4.1.0"
    assert (fields["queues"], fields["groups"]) == ("2", "-")
    assert (document["queues"], document["groups"]) == (2, None)
    assert "size limit" not in fields
    assert "wal_bytes" not in document


def test_the_vitals_of_the_dashboard_leaves_out_the_log_that_a_server_has_not() -> None:
    overview = Overview(0, ELSEWHERE, 0.0, 0.0, 0, 0, (), ())
    vitals = plain(vitals_line(overview, 120, is_paused=False, read_only=False, pace=1))
    assert "WAL" not in vitals
    assert "2 queues" in vitals


def test_a_message_without_a_sequence_is_named_by_its_id() -> None:
    sent = MessageId("q", "5b2e", None)
    assert (str(sent), id_document(sent)["sequence"]) == ("q 5b2e", None)
