"""The way of a message from exchange to exchange to its destinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from store.model.addresses import EXCHANGE_PREFIX
from store.model.exchanges import Binding, Route


def walk(
    start: str,
    matching: Callable[[str], Sequence[Binding]],
    alternate: Callable[[str], str | None],
) -> list[Binding]:
    """Return every step that a message takes from an exchange, in order; each exchange is passed
    once.

    An exchange of which no binding matches hands on to its alternate, if that exists (RabbitMQ). So
    cycles end, of bindings and of alternates.
    """
    steps: list[Binding] = []
    reached = [start]
    seen = {start}
    for exchange in reached:
        taken = list(matching(exchange))
        if not taken:
            other = alternate(exchange)
            if other is not None:
                taken = [Binding(exchange, f"{EXCHANGE_PREFIX}{other}", "exchange", alternate=True)]
        for binding in taken:
            if binding.kind == "exchange" and binding.name not in seen:
                seen.add(binding.name)
                reached.append(binding.name)
        steps += taken
    return steps


def ends(steps: Iterable[Binding]) -> list[Binding]:
    """Return the first step to each queue or topic, each destination once."""
    found: dict[str, Binding] = {}
    for step in steps:
        if step.kind != "exchange":
            found.setdefault(step.destination, step)
    return list(found.values())


def routes(steps: Sequence[Binding]) -> tuple[Route, ...]:
    """Return the destinations, each with every step on a way to it."""
    return tuple(
        Route(end.destination, end.kind, _via(steps, end.destination))
        for end in ends(steps)
        if end.kind != "exchange"
    )


def _via(steps: Sequence[Binding], destination: str) -> tuple[Binding, ...]:
    wanted, used = [destination], set[int]()
    for target in wanted:
        for number, step in enumerate(steps):
            if step.destination == target and number not in used:
                used.add(number)
                wanted.append(f"{EXCHANGE_PREFIX}{step.exchange}")
    return tuple(steps[number] for number in sorted(used))
