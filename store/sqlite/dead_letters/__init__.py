"""Dead letters: found, grouped, sent back, imported, and the journal for undo.

Writes mq_moves (journal) and mq_move_tasks (move_tasks).
"""

from typing import TYPE_CHECKING

from store.lazy import on_demand

if TYPE_CHECKING:
    from store.sqlite.dead_letters import (
        copies as copies,
        find as find,
        history as history,
        journal as journal,
        move_tasks as move_tasks,
        redrive as redrive,
        restore as restore,
    )
else:
    __getattr__ = on_demand(__name__)
