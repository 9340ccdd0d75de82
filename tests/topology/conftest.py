"""Topologies as texts."""

from __future__ import annotations

from textwrap import dedent

from store.topology.checks import validate
from store.topology.problems import Problem
from store.topology.reading import TopologyFile

EXAMPLE = """\
version: 1
topics:
  orders: {partitions: 6, retention: 7d, cleanup: delete}
queues:
  emails: {lease: 45s, max_deliveries: 5, dlq: emails.dlq, retry_delays: [5s, 1m]}
  emails.dlq: {}
  billing: {fifo: true, dedup: 5m}
  vault: {}
exchanges:
  events: {type: topic, alternate: unrouted}
  unrouted: {type: fanout}
  audit: {type: headers}
bindings:
  - {from: events, to: emails, key: "order.*.created"}
  - {from: events, to: orders, key: "order.#"}
  - {from: events, to: "exchange:audit", key: "#"}
  - {from: audit, to: vault, headers: {region: eu, attempts: 1}, match: all}
groups:
  analytics: {topics: [orders], max_lag: 1000, max_lag_time: 5m}
shares:
  packers: {topic: orders, lease: 1m, max_deliveries: 5, dlq: emails.dlq}
"""


def source(text: str, file: str = "shop.yaml") -> TopologyFile:
    """A file of that text, without its indentation."""
    return TopologyFile(file, dedent(text).encode())


def problems_of(*texts: str) -> list[Problem]:
    """What is wrong with files a.yaml, b.yaml …"""
    return validate(
        [source(text, f"{name}.yaml") for name, text in zip("abc", texts, strict=False)]
    )


def told(*texts: str) -> list[str]:
    """The problems as a person sees them."""
    return [str(problem) for problem in problems_of(*texts)]
