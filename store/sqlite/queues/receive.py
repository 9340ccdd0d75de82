"""A receive from a queue: its policies, before and after what is done for every reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.sqlite import leases, queues
from store.sqlite.file.database import WriteTransaction

if TYPE_CHECKING:
    from store.model.messages import Message
    from store.sqlite.leases.receive import Received, Request
    from store.sqlite.queues.catalog import Queue


def receive(tx: WriteTransaction, queue: Queue, request: Request) -> Received[Message]:
    """Lease the messages that are due, as many as the queue's policies admit."""
    expiry, reader = queues.policies.expiry, queue.reader
    swept = expiry.sweep(tx) if expiry.is_due(tx) else 0
    holder = leases.holders.holder_id(tx, request.holder, request.attached)
    receiving = queues.policies.Receiving(holder, request.most)
    for policy in reader.policies.before_receive:
        policy.before_receive(tx, queue, receiving)
    if request.prefetch is not None and receiving.room:
        in_hand = leases.counts.in_hand(tx, reader, holder)
        receiving.room = max(0, min(receiving.room, request.prefetch - in_hand))
    taken = leases.receive.receive(tx, reader, request._replace(most=receiving.room), holder)
    messages = queues.view.leased(tx, queue, taken.messages, request.holder)
    for policy in reader.policies.after_receive:
        policy.after_receive(tx, receiving, messages)
    return leases.receive.Received(messages, taken.others + swept, taken.damage)
