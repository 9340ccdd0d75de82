"""Keys: the action of each, whether it writes, and the command that does the same.

These keys work on every screen that has a use for them; `places` adds the keys that open the
screens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Danger = Literal["none", "writes", "severe"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the dashboard.

    `command` does the same on the command line. `severe` keys ask for a name to be typed. `label`
    is the footer's name for a key that the footer shows.
    """

    id: str
    key: str
    help: str
    danger: Danger = "none"
    command: str = ""
    label: str = ""

    @property
    def writes(self) -> bool:
        """Whether it changes the store, so that it is out of reach with `--read-only`."""
        return self.danger != "none"

    @property
    def cap(self) -> str:
        """The key as people write it."""
        return _CAPS.get(self.key, self.key)


_CAPS = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "full_stop": ".",
    "plus": "+",
    "minus": "-",
    "space": "space",
    "escape": "esc",
    "left": "←",
    "right": "→",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}
EVERYWHERE = ("stall", "filter", "jump", "help", "quit")
"""The keys to the right of the footer."""
ENTER = "↵"

COMMON_KEYS = (
    Key("help", "question_mark", "These keys", label="help"),
    Key("back", "escape", "Back to where you came from", label="back"),
    Key("jump", "colon", "Jump to a name, an address or a screen", label="jump"),
    Key(
        "filter", "slash", "Show only rows with this text; !text shows the others",
        label="filter",
    ),
    Key("stall", "n", "Next stall", command="mq stalls", label="stall"),
    Key("faults", "z", "Only rows with faults", label="faults"),
    Key("sort", "s", "Sort anew: rows hold still until then", label="sort anew"),
    Key("sort_next", "greater_than_sign", "Sort by the next column"),
    Key("sort_previous", "less_than_sign", "Sort by the column before"),
    Key("mark", "space", "Mark the row", label="mark"),
    Key("peek", "p", "Look at the message", command="mq peek ADDRESS", label="peek"),
    Key(
        "tail", "f", "Follow what comes in, live", command="mq consume TOPIC --follow",
        label="follow",
    ),
    Key("body", "b", "The body as text, JSON or hex", label="form"),
    Key("fold", "left", "Fold JSON a level more", label="fold"),
    Key("unfold", "right", "Fold JSON a level less"),
    Key(
        "route", "w", "The way of a routing key",
        command="mq route EXCHANGE -k KEY --explain", label="where",
    ),
    Key("publish", "P", "Publish a message", "writes", "mq produce DEST VALUE", "publish"),
    Key(
        "release", "r", "Redrive dead letters; release leased messages", "writes",
        "mq dlq redrive QUEUE · mq lease release ADDRESS", "release",
    ),
    Key(
        "reset", "R", "Reset a group's offsets, after a preview", "writes",
        "mq group reset GROUP --topic TOPIC --to WORD --apply", "reset",
    ),
    Key(
        "dead_letter", "d", "To the DLQ, and go on", "writes",
        "mq group skip GROUP RECORD --to-dlq QUEUE · mq nack RECEIPT --reject", "to DLQ",
    ),
    Key("skip", "k", "Go on behind the record", "writes", "mq group skip GROUP RECORD", "skip"),
    Key(
        "policy", "o", "Set a policy so that it can't recur", "writes",
        "mq group alter GROUP --max-deliveries 5 --dlq QUEUE", "policy",
    ),
    Key(
        "create", "c", "Create the queue for dead letters", "writes",
        "mq queue create NAME", "create",
    ),
    Key(
        "edit", "e", "Edit a dead letter and send it back", "writes",
        "mq dlq edit QUEUE@SEQ", "edit",
    ),
    Key(
        "purge", "x", "Remove all of a queue, after its name is typed; or letters", "severe",
        "mq queue purge NAME --yes · mq dlq purge NAME --id ID --yes", "purge",
    ),
    Key(
        "undo", "u", "Undo the last redrive or edit of dead letters", "writes", "mq dlq undo BATCH",
        "undo",
    ),
    Key("copy", "y", "Copy the command for the selection", label="copy"),
    Key("pause", "full_stop", "Pause, and go on", label="pause"),
    Key("slower", "plus", "Look less often"),
    Key("faster", "minus", "Look more often"),
    Key("theme", "t", "The next theme", label="theme"),
    Key("quit", "q", "Quit", label="quit"),
)  # fmt: skip

BY_ID = {key.id: key for key in COMMON_KEYS}


def footer_keys(
    ids: Iterable[str], labels: Mapping[str, str], enter: str = "", tab: str = ""
) -> list[Key]:
    """Return the keys of a view for the footer, under its own labels.

    `enter` and `tab` are the view's names for these two.
    """
    keys = [replace(BY_ID[id], label=labels.get(id, BY_ID[id].label)) for id in ids]
    own = [Key("enter", ENTER, "", label=enter)] if enter else []
    own += [Key("tab", "tab", "", label=tab)] if tab else []
    at = 1 if keys and keys[0].id == "back" else 0
    return [*keys[:at], *own, *keys[at:]]
