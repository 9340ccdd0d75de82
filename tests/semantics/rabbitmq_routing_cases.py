"""Drivers of the RabbitMQ cases about exchanges, bindings, and what is published through them."""

from __future__ import annotations

from sqs_frame import Driver, register_in

ROUTING_CASES: dict[str, Driver] = {}
case = register_in(ROUTING_CASES)
