"""Messages of a server, as far as engines agree on them."""

from __future__ import annotations

from store.model.messages import Message


class ServedMessage(Message):
    """A message of a server, which numbers none: its address is its queue and its id."""

    @property
    def address(self) -> str:
        """`queue id`."""
        return f"{self.queue} {self.id}"
