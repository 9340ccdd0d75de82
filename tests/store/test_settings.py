"""A setting is declared in one row: what else names it agrees with that row."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import NamedTuple, is_typeddict

import pytest

from store import Store
from store.model import groups, queues, shares, topics
from store.model.discarding import queue_settings_that_discard
from store.model.queues import QueueConfig
from store.model.settings import check_settings, read_settings, settings_of, write_settings

KINDS: list[tuple[type[NamedTuple], object, str]] = [
    (topics.TopicConfig, topics.TopicSettings, "mq_topics"),
    (QueueConfig, queues.QueueSettings, "mq_queues"),
    (groups.GroupConfig, groups.GroupSettings, "mq_groups"),
    (shares.ShareConfig, shares.ShareSettings, "mq_shares"),
]
each_kind = pytest.mark.parametrize(("config", "calls", "table"), KINDS)


@each_kind
def test_calls_take_every_setting(config: type[NamedTuple], calls: object, table: str) -> None:
    assert is_typeddict(calls)
    assert calls.__annotations__.keys() == settings_of(config).keys()


@each_kind
def test_every_setting_has_a_column_whose_change_every_process_notices(
    config: type[NamedTuple], calls: object, table: str, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "store.db", create=True):
        pass
    with sqlite3.connect(tmp_path / "store.db") as connection:
        triggers = "".join(sql for (sql,) in connection.execute(TRIGGERS))
        for name, setting in settings_of(config).items():
            own, _, column = (setting.column or name).rpartition(".")
            columns = [row[1] for row in connection.execute(f"pragma table_info({own or table})")]
            assert column in columns
            assert table == "mq_groups" or is_noticed(triggers, own or table, column)


TRIGGERS = "select sql from sqlite_schema where type = 'trigger' and name like '%altered'"


def is_noticed(triggers: str, table: str, column: str) -> bool:
    """Whether a change of the column raises the number by which settings are remembered."""
    matches = re.findall(rf"after update(?: of ([^;]*?))? on {table} ", triggers)
    return any(not columns or column in re.split(r",\s+", columns) for columns in matches)


@each_kind
def test_defaults_are_within_their_bounds_and_are_read_as_written(
    config: type[NamedTuple], calls: object, table: str
) -> None:
    defaults = config._make(config._field_defaults.values())
    check_settings(defaults)
    assert read_settings(config, write_settings(defaults)).keys() == settings_of(config).keys()


def test_a_limit_that_is_raised_discards_nothing() -> None:
    before = QueueConfig(max_length=5)
    raised = before._replace(max_length=10)
    assert queue_settings_that_discard(before, raised, messages=15, size=0) == {}
    assert queue_settings_that_discard(raised, before, messages=15, size=0).keys() == {"max_length"}
