"""The actions on dead letters: sent back, or mended and sent back, after a preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import unified_diff

from store import BadInput, Conflict, Message, NotFound
from store.engine.broker import Broker
from store.engine.dead_letters import DeadLetters
from store.engine.operations import Operations
from store.model.actions import PurgeDeadLetters, UndoRedrive, WayOut
from store.model.dead_letters import Chosen, Moved, Redrive
from store.model.errors import Hint
from store.model.looks import EditDeadLetter, RedriveLetters, ShowLeases
from store.model.shell_texts import as_command
from store.model.text import counted
from tui.actions.dead_letter_choices import Alike, dead_letters_alike, redrive_step
from tui.actions.deeds import Prepare, value_text
from tui.view import ViewHost
from tui.widgets.dialogs import Form, FormField, ProposedAction
from tui.widgets.figures import moment_text
from tui.widgets.spans import Line, Tone, line, toned

_EVERY = 1_000_000
_MOST_TARGETS = 8


async def ask_redrive(
    host: ViewHost, chosen: Sequence[Alike], addresses: Collection[str] = ()
) -> None:
    """Propose to send letters back; ask for the queue, if they came from a topic."""
    to = None
    if any("/" in alike.source for alike in chosen):
        field = FormField("to", "", "a queue")
        note = "a topic takes nothing back"
        given = await host.ask(Form("redrive to a queue", [field], note))
        if given is None:
            return
        to = given["to"].strip() or None
    host.propose(prepare_redrive(chosen, addresses, to))


def prepare_redrive(
    chosen: Collection[Alike], addresses: Collection[str] = (), to: str | None = None
) -> Prepare:
    """Send the letters of groups, or only those at some addresses, back or `to` a queue."""
    queue = next(iter(chosen)).queue

    def deed(store: Broker) -> ProposedAction:
        letters = dead_letters_alike(store, chosen, None)
        if addresses:
            letters = [letter for letter in letters if letter.address in set(addresses)]
        free = [Chosen.of(letter) for letter in letters if letter.state != "leased"]
        if not free:
            raise NotFound(
                "none of these dead letters can be moved: they are gone or leased",
                hint=Hint("{}", ShowLeases(queue)),
            )
        planned = store.redrive_plan(queue, free, to)
        ids = [letter.id for letter in free]
        step = replace(_redrive_step(store, chosen, ids, bool(addresses)), to=to)

        def run(store: DeadLetters) -> str:
            done = store.redrive_planned(queue, planned, to)
            if done.batch is None:
                raise Conflict("nothing was moved: these dead letters are gone or leased by now")
            moved = counted(len(done.moved), "dead letter")
            return f"{moved} moved; undo with: {_undo(done)}"

        preview = list(_redrive_lines(planned, len(letters) - len(free)))
        return ProposedAction(f"redrive from {queue}", preview, [step], run)

    return deed


def _redrive_step(
    store: Operations, chosen: Collection[Alike], ids: Sequence[str], only_ids: bool
) -> RedriveLetters:
    queue = next(iter(chosen)).queue
    step = None if only_ids else redrive_step(chosen, store.letter_rows(queue, _EVERY), ids)
    return step or RedriveLetters(queue, ids=tuple(ids))


def _redrive_lines(planned: Sequence[Moved], leased: int) -> Iterator[Line]:
    targets = Counter(moved.target for moved in planned).most_common()
    yield line(toned(counted(len(planned), "dead letter"), Tone.DEAD), " will be moved")
    for target, number in targets[:_MOST_TARGETS]:
        yield line(toned(f"  {number:,} → ", Tone.DIM), toned(target, Tone.STRONG))
    if len(targets) > _MOST_TARGETS:
        yield toned(f"  and to {len(targets) - _MOST_TARGETS} more queues", Tone.DIM)
    if leased:
        yield toned(f"{counted(leased, 'letter')} leased: they stay", Tone.LAGGING)
    yield toned("id, time and headers stay; deliveries and retention begin anew", Tone.DIM)


def prepare_drop(alike: Alike, addresses: Collection[str]) -> Prepare:
    """Remove the letters at some addresses for good."""
    queue = alike.queue

    def deed(store: Broker) -> ProposedAction:
        letters = [
            one for one in dead_letters_alike(store, [alike], None) if one.address in addresses
        ]
        free = [letter for letter in letters if letter.state != "leased"]
        if not free:
            raise NotFound(
                "none of these dead letters can be removed: they are gone or leased",
                hint=Hint("{}", ShowLeases(queue)),
            )

        def run(store: DeadLetters) -> str:
            removed = store.remove_dead_letters(queue, [Chosen.of(letter) for letter in free])
            return f"{counted(len(removed), 'dead letter')} removed from {queue}"

        letters_text = counted(len(free), "dead letter")
        preview = [line(toned(letters_text, Tone.STALLED), " will be gone for good")]
        preview += [
            line(toned(f"  {letter.address}  ", Tone.DIM), value_text(letter))
            for letter in free[:_MOST_TARGETS]
        ]
        if len(free) > _MOST_TARGETS:
            preview.append(toned(f"  and {len(free) - _MOST_TARGETS:,} more", Tone.DIM))
        preview.append(toned("nothing brings them back: undo knows moves and edits", Tone.DIM))
        purge = PurgeDeadLetters(queue, tuple(letter.id for letter in free))
        return ProposedAction(f"drop from {queue}", preview, [purge], run)

    return deed


def prepare_undo(store: Broker) -> ProposedAction:
    """Take back the last redrive or edit of which something can still be taken back."""
    batch = next((one for one in store.redrives() if one.undone < one.messages), None)
    if batch is None:
        raise NotFound("there is no redrive or edit to undo")
    fates = store.became_of_redrive(batch.number)
    present = sum(one.is_present for one in fates)
    made = "edit" if batch.edited else "redrive"
    undo = UndoRedrive(batch.number)
    messages = counted(batch.messages, "message")

    def run(store: DeadLetters) -> str:
        taken = store.undo_redrive(batch.number)
        return f"{counted(len(taken.moved), 'message')} taken back by undo {batch.number}"

    preview = [
        line("the last ", toned(made, Tone.STRONG), f", {batch.number}, of {messages}, at ",
             toned(moment_text(batch.at, store.wall()), Tone.STRONG)),
        line(toned(counted(present, "message"), Tone.DEAD), " of it still there: they come back"),
    ]  # fmt: skip
    if batch.undone:
        preview.append(toned(f"{batch.undone:,} were taken back before", Tone.DIM))
    preview.append(toned("what is acknowledged or leased by now stays as it is", Tone.DIM))
    return ProposedAction(f"undo {batch.number}", preview, [undo], run)


def prepare_edit(letter: Message, value: bytes) -> Prepare:
    """Give a dead letter another value and send it back, if its source takes it."""
    address = letter.address

    def deed(store: Broker) -> ProposedAction:
        target, why_not = _way_back(store, letter)
        steps: list[WayOut] = [EditDeadLetter(address, value.decode())]
        back = toned(f"it stays a dead letter: {why_not}", Tone.LAGGING)
        if target is not None:
            steps.append(RedriveLetters(letter.queue, ids=(letter.id,)))
            back = line("and it goes back to ", toned(target, Tone.STRONG))

        def run(store: DeadLetters) -> str:
            return _edit(store, letter, value, goes_back=target is not None)

        preview = [*difference(letter.value or b"", value), line(), back]
        return ProposedAction(f"edit {address}", preview, steps, run)

    return deed


def _way_back(store: Broker, letter: Message) -> tuple[str | None, str]:
    try:
        there = store.message(letter.queue, letter.sequence)
        if there.dead is None or there.state == "leased":
            return None, "it is gone or leased"
        (planned,) = store.redrive_plan(letter.queue, [Chosen.of(there)])
    except (BadInput, NotFound) as error:
        return None, error.message
    return planned.target, ""


def _edit(store: DeadLetters, letter: Message, value: bytes, *, goes_back: bool) -> str:
    edit = store.edit_and_redrive if goes_back else store.edit_dead_letter
    done = edit(letter.queue, letter.sequence, value, before=letter.value)
    if not goes_back:
        return f"{letter.address} edited; undo with: {_undo(done)}"
    placed = done.moved[0].target
    return f"{letter.address} edited and back as {placed}; undo with: {_undo(done)}"


def difference(before: bytes, after: bytes) -> list[Line]:
    """Return the removed and the added lines of an edit."""
    old, new = (value.decode(errors="backslashreplace").split("\n") for value in (before, after))
    shown = list(unified_diff(old, new, lineterm="", n=1))[2:]
    return [toned(text, _TONES.get(text[:1], Tone.DIM)) for text in shown]


_TONES = {"-": Tone.STALLED, "+": Tone.OK}


def _undo(done: Redrive) -> str:
    assert done.batch is not None
    return as_command(UndoRedrive(done.batch))
