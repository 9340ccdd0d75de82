"""Older stores are brought to the present schema, whole or not at all."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from store import model
from store.crash import crash_point
from store.model.errors import Hint, StoreUnusable
from store.sqlite.file import connections, drafts, files
from store.sqlite.file.lockfile import WriteLock

Step = Callable[[sqlite3.Connection], None]
_LINES = re.MULTILINE | re.DOTALL
_COLUMN = re.compile(r"^  (\w+) ((?:integer|text|blob)\b.*?),?(?: +--.*)?$", re.MULTILINE)

_TO_SCHEMA_2 = """
alter table mq_store rename column topology_generation to generation;
drop table mq_exchanges;
create table mq_exchanges (
  id integer primary key autoincrement,
  name text not null unique check (length(name) between 1 and 249),
  type text not null check (type in ('direct', 'topic', 'fanout', 'headers')),
  alternate text check (length(alternate) between 1 and 249),
  created integer not null,
  label text
) strict;
create index mq_bindings_key on mq_bindings (exchange, key);
create index mq_bindings_pattern on mq_bindings (exchange, key)
  where instr(key, '*') or instr(key, '#');
alter table mq_queues rename column acknowledged to moved;
update mq_queues set moved = ifnull((select max(next) - sum(records) from mq_partitions
  where channel = mq_queues.channel), 0) - moved - dropped;
alter table mq_queues add column wait integer not null default 0 check (wait >= 0);
alter table mq_queues add column chaos_calls integer not null default 0;
alter table mq_queues add column busy_until integer not null default 0;
create table mq_consumers (
  id integer primary key autoincrement,
  reader integer not null references mq_readers on delete cascade,
  holder integer not null references mq_holders,
  seen integer not null,
  unique (reader, holder)
) strict;
create index mq_consumers_holder on mq_consumers (holder);
create table mq_tenants (
  reader integer not null references mq_readers on delete cascade,
  name text not null,
  first integer,
  in_flight integer not null default 0 check (in_flight >= 0),
  sent integer not null,
  primary key (reader, name)
) strict, without rowid;
create index mq_tenants_first on mq_tenants (reader, first) where first is not null;
create index mq_tenants_in_flight on mq_tenants (reader, in_flight) where in_flight >= 30;
alter table mq_slots add column taken integer not null default 0;
alter table mq_slots add column tries integer not null default 0 check (tries >= 0);
update mq_slots set taken = moved, tries = member not null;
create index mq_readers_dead_letters on mq_readers (dead_letter_to)
  where dead_letter_to is not null;
drop table mq_samples;
create table mq_samples (
  subject text not null check (subject in ('partition', 'slot', 'channel', 'queue')),
  subject_id integer not null,
  bucket integer not null check (bucket between 0 and 59),
  at integer not null,
  counter integer not null,
  primary key (subject, subject_id, bucket)
) strict, without rowid;
create index mq_samples_at on mq_samples (subject, at);
create trigger mq_partitions_samples after delete on mq_partitions begin
  delete from mq_samples where subject = 'partition' and subject_id = old.id;
end;
create trigger mq_slots_samples after delete on mq_slots begin
  delete from mq_samples where subject = 'slot' and subject_id = old.id;
end;
create trigger mq_channels_samples after delete on mq_channels begin
  delete from mq_samples where subject in ('channel', 'queue') and subject_id = old.id;
end;
alter table mq_partitions
  add column dead_letters integer not null default 0 check (dead_letters >= 0);
update mq_partitions set dead_letters = (select count(*) from mq_origins where reason not null
  and record >= mq_partitions.id << 40 and record < (mq_partitions.id + 1) << 40);
create trigger mq_origins_put after insert on mq_origins when new.reason not null begin
  update mq_partitions set dead_letters = dead_letters + 1 where id = new.record >> 40;
end;
create trigger mq_origins_removed after delete on mq_origins when old.reason not null begin
  update mq_partitions set dead_letters = dead_letters - 1 where id = old.record >> 40;
end;
alter table mq_moves add column edited integer not null default 0 check (edited in (0, 1));
alter table mq_moves add column value blob;
create index mq_moves_record on mq_moves (record);
create table mq_processing_times (
  reader integer not null references mq_readers on delete cascade,
  bucket integer not null check (bucket between 0 and 255),
  count integer not null check (count > 0),
  primary key (reader, bucket)
) strict, without rowid;
create trigger mq_channels_created after insert on mq_channels begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_channels_altered after update on mq_channels begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_channels_deleted after delete on mq_channels begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_created after insert on mq_exchanges begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_altered after update on mq_exchanges begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_deleted after delete on mq_exchanges begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_bindings_created after insert on mq_bindings begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_bindings_deleted after delete on mq_bindings begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_created after insert on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_left after update of channel on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_deleted after delete on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_topics_altered after update on mq_topics begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_queues_altered after update of fifo, delay, retention,
  max_message, retry_delays, dedup_window, content_dedup, dedup_scope, priorities, ttl, max_length,
  max_bytes, overflow, single_active, fair, redrive_allow, chaos, wait on mq_queues begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_readers_altered after update of lease, max_deliveries,
  dead_letter_to, dead_letter_key, drop_exhausted on mq_readers begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_shares_altered after update of max_in_flight on mq_shares begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_holders_forgotten after delete on mq_holders begin
  update mq_store set generation = generation + 1;
end;
-- How many messages of its input a producer has published through an exchange.
create table mq_publications (
  producer integer not null references mq_producers on delete cascade,
  exchange integer not null references mq_exchanges on delete cascade,
  published integer not null check (published >= 0),
  primary key (producer, exchange)
) strict, without rowid;
"""

_TO_SCHEMA_3 = """
alter table mq_store add column wall_ahead integer not null default 0;
alter table mq_store add column copy integer not null default 0;
alter table mq_store add column last_commit integer not null default 0;
alter table mq_store add column lost_commits integer not null default 0 check (lost_commits >= 0);
alter table mq_store add column lost_since integer;
alter table mq_partitions add column last_commit integer not null default 0;
alter table mq_slots add column last_commit integer not null default 0;
create index mq_origins_message_id on mq_origins (message_id);
create table mq_damages (
  record integer primary key,
  noticed integer not null,                       -- wall
  told integer not null check (told in (0, 1))    -- whether a receive has raised an error for it
) strict;
alter table mq_records add column arrived integer;
alter table mq_leases add column was_due integer not null default 0;
update mq_readers set lease = 30000 where kind = 'share' and lease = 0;
create index mq_holders_attached on mq_holders (id) where attached = 1;
create table mq_undone_receives (
  token integer primary key,
  at integer not null                             -- wall
) strict;
create index mq_undone_receives_at on mq_undone_receives (at);
create index mq_group_topics_channel on mq_group_topics (channel);
create index mq_members_holder on mq_members (holder);
create index mq_sequences_channel on mq_sequences (channel);
create index mq_publications_exchange on mq_publications (exchange);
create index mq_projections_channel on mq_projections (channel);
create index mq_projection_offsets_partition on mq_projection_offsets (partition);
"""


_TO_SCHEMA_4 = """
create table mq_copies (
  channel integer not null references mq_channels on delete cascade,
  place text not null,
  sequence integer not null,
  primary key (channel, place)
) strict, without rowid;
create table mq_move_tasks (
  id integer primary key autoincrement,
  queue text not null,
  target text,
  rate real check (rate > 0),
  state text not null check (state in ('running', 'completed', 'cancelled', 'failed')),
  wanted integer not null,
  moved integer not null default 0,
  batch integer,
  last integer not null,
  until integer not null,
  due integer not null,
  started integer not null,
  ended integer,
  error text
) strict;
create unique index mq_move_tasks_running on mq_move_tasks (queue) where state = 'running';
"""


# A name is longer where characters of it are quoted.
_LONGER_NAMES = (
    "update sqlite_schema set sql = replace(sql, 'between 1 and 249', 'between 1 and 765')"
    " where type = 'table' and name like 'mq@_%' escape '@'"
)


def _to_schema_4(connection: sqlite3.Connection) -> None:
    _script(_TO_SCHEMA_4)(connection)
    # SQLite alters no check of a table, and this one only admits more.
    connection.execute("pragma writable_schema = on")
    connection.execute(_LONGER_NAMES)
    connection.execute("pragma writable_schema = reset")


def _script(text: str) -> Step:
    def run(connection: sqlite3.Connection) -> None:
        for statement in files.split_statements(text):
            connection.execute(statement)

    return run


# steps[n] leads from schema n to schema n + 1.
steps: dict[int, Step] = {
    1: _script(_TO_SCHEMA_2),
    2: _script(_TO_SCHEMA_3),
    3: _to_schema_4,
}


def upgrade(path: Path, version: int, timeout: float) -> None:
    """Back the store up beside itself, then run the steps it lacks in one transaction."""
    lock = WriteLock(path)
    try:
        lock.acquire(timeout)
        connection = connections.open_writer(path, "full", ())
        try:
            with connections.translated(path):
                _upgrade_locked(connection, path, timeout)
        finally:
            connection.close()
    finally:
        lock.close()


def _upgrade_locked(connection: sqlite3.Connection, path: Path, timeout: float) -> None:
    version = connection.execute("pragma user_version").fetchone()[0]
    if version >= files.SCHEMA_VERSION:
        return
    _refuse_gap(path, version)
    with drafts.new_file(
        path.with_name(f"{path.name}.schema-{version}"), timeout, over=True, keeps_lock=False
    ) as draft:
        drafts.write_copy(connection, draft)
    crash_point("upgrade.copied")
    _run_steps(connection, version)


def _refuse_gap(path: Path, version: int) -> None:
    if any(step not in steps for step in range(version, files.SCHEMA_VERSION)):
        raise StoreUnusable(
            f"{path} has schema {version}, from which there is no way to {files.SCHEMA_VERSION}",
            hint=Hint("copy its data with the mq that wrote it: {}", model.looks.ExportRecords()),
        )


def _run_steps(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("pragma foreign_keys = off")
    connection.execute("begin immediate")
    for step in range(version, files.SCHEMA_VERSION):
        steps[step](connection)
    _add_columns(connection)
    _renew_triggers(connection)
    # So that processes that have the store open notice, and look at the version.
    connection.execute("update mq_store set generation = generation + 1")
    connection.execute(f"pragma user_version = {files.SCHEMA_VERSION}")
    crash_point("upgrade.before")
    connection.execute("commit")
    crash_point("upgrade.after")


def _add_columns(connection: sqlite3.Connection) -> None:
    """Add the columns that the schema has and no step has added: those that have a default."""
    for statement in files.schema_statements():
        if table := re.search(r"^create table (\w+) \(\n", statement, re.MULTILINE):
            present = {row[1] for row in connection.execute(f"pragma table_info({table[1]})")}
            for column, definition in _COLUMN.findall(statement):
                if column not in present:
                    connection.execute(f"alter table {table[1]} add column {column} {definition}")


def _renew_triggers(connection: sqlite3.Connection) -> None:
    """Replace the triggers that differ from the schema's, for example for new settings."""
    rows = connection.execute("select name, sql from sqlite_schema where type = 'trigger'")
    present = dict(rows.fetchall())
    for statement in files.schema_statements():
        if trigger := re.search(r"^create trigger (\w+) .*(?=;)", statement, _LINES):
            name, definition = trigger[1], trigger[0]
            if present.get(name) != definition:
                connection.execute(f"drop trigger if exists {name}")
                connection.execute(definition)


def bring_up(draft: Path) -> None:
    """Bring a draft to the present schema: it is a copy, so no other one is kept."""
    with drafts.opened(draft) as connection:
        version = connection.execute("pragma user_version").fetchone()[0]
        if version < files.SCHEMA_VERSION:
            _refuse_gap(draft, version)
            _run_steps(connection, version)
            drafts.number_copy(connection)
