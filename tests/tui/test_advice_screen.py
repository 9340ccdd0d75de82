"""What the doctor finds, at the dashboard."""

from __future__ import annotations

from collections.abc import Callable

from store import Diagnosis, Severity, Store
from store.model.actions import Vacuum
from store.model.clock import ManualClock
from store.model.looks import Verify
from tests.tui.conftest import HOSTILE, Person
from tui.cached_query import CachedQuery
from tui.screens.advice import finding_lines, finding_rows
from tui.widgets.spans import plain

Run = Callable[..., None]


def test_the_worst_finding_is_read_whole_and_its_command_copied(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("6")
        first = person.rows("findings")[0]
        assert first.startswith("■ critical|")
        assert "WHY" in person.screen()
        await person.press("enter")
        command = person.rows("finding-commands")[0]
        await person.press("y")
        assert person.app.clipboard == command
        await person.press("escape")
        assert person.rows("findings")[0] == first

    run(stalled, errand)


def test_what_is_in_order_is_hidden_among_faults(stalled: Store, run: Run) -> None:
    async def errand(person: Person) -> None:
        await person.press("6")
        assert any(row.startswith("● ok") for row in person.rows("findings"))
        await person.press("z")
        assert not any(row.startswith("● ok") for row in person.rows("findings"))
        assert person.rows("findings") != []

    run(stalled, errand)


def test_a_finding_shows_severity_place_evidence_and_the_first_command() -> None:
    steps = (Vacuum(), Verify())
    finding = Diagnosis(Severity.WARNING, "no_dlq", "emails", "no DLQ", "it returns", steps)

    (row,) = finding_rows([finding])

    assert [plain(cell) for cell in row.cells] == ["▲ warning", "emails", "no DLQ", "mq vacuum  +1"]


def test_a_finding_is_wrapped_to_the_width_and_harmless() -> None:
    text = HOSTILE.decode(errors="backslashreplace") + " and so on" * 12
    finding = Diagnosis(Severity.ADVICE, "code", "x", text, text)

    lines = [plain(line) for line in finding_lines(finding, 60)]

    assert max(map(len, lines)) <= 60
    assert all(line.isprintable() for line in lines)


def test_what_is_costly_is_asked_again_only_when_its_answer_is_old(
    store: Store, clock: ManualClock
) -> None:
    asked = []
    question = CachedQuery(lambda store: asked.append(store) or len(asked), 5)  # type: ignore[func-returns-value]

    answers = [question(store), question(store)]
    clock.advance(5)

    assert [*answers, question(store)] == [1, 1, 2]
