"""Words and plain values: names, settings, records, errors; no I/O, nothing of an engine."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.model import (
        actions as actions,
        addresses as addresses,
        call_texts as call_texts,
        chaos as chaos,
        clock as clock,
        dead_letters as dead_letters,
        diagnoses as diagnoses,
        discarding as discarding,
        encoding as encoding,
        errors as errors,
        exchanges as exchanges,
        groups as groups,
        labels as labels,
        letter_groups as letter_groups,
        looks as looks,
        maintenance as maintenance,
        messages as messages,
        metrics as metrics,
        nearest as nearest,
        patterns as patterns,
        placement as placement,
        positions as positions,
        queue_rules as queue_rules,
        queues as queues,
        settings as settings,
        shares as shares,
        shell_texts as shell_texts,
        stalls as stalls,
        steps as steps,
        text as text,
        topics as topics,
    )
else:
    __getattr__ = on_demand(__name__)
