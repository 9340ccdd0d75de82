"""The settings of the store as a whole, which an open store reads when it connects."""

from __future__ import annotations

from typing import Any

from store.model.maintenance import StoreConfig
from store.model.settings import check_settings
from store.sqlite.file.settings import StoredSettings
from store.sqlite.file.transactions import WriteTransaction

_SETTINGS = StoredSettings(StoreConfig, "mq_store")


def alter(tx: WriteTransaction, settings: dict[str, Any]) -> None:
    """Change settings of the store, for every process that opens it from now on."""
    present = _SETTINGS.read(tx.row(f"select {_SETTINGS.columns} from mq_store") or ())
    config = present._replace(**settings)
    check_settings(config)
    _SETTINGS.update(tx, "mq_store", config, id=1)
