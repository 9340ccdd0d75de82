"""An engine: queues and exchanges of a RabbitMQ server, over AMQP 0-9-1 and its management API."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.rabbitmq import (
        checkup as checkup,
        figures as figures,
        management as management,
        members as members,
        memory as memory,
        noted_groups as noted_groups,
        policies as policies,
        present as present,
        producers as producers,
        receiving as receiving,
        refusals as refusals,
        routes as routes,
        settings as settings,
        stream_offsets as stream_offsets,
        stream_protocol as stream_protocol,
    )
else:
    __getattr__ = on_demand(__name__)
