"""An engine: topics and consumer groups of a Kafka cluster, by librdkafka alone."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.kafka import (
        checkup as checkup,
        figures as figures,
        looks as looks,
        present as present,
        probing as probing,
        settings as settings,
        stalls as stalls,
    )
else:
    __getattr__ = on_demand(__name__)
