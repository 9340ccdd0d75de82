"""An engine: queues of Amazon SQS, or of a server that speaks its protocol, by botocore."""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqs import (
        checkup as checkup,
        figures as figures,
        memory as memory,
        moving as moving,
        present as present,
        queues as queues,
        settings as settings,
    )
else:
    __getattr__ = on_demand(__name__)
