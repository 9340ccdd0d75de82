"""The tables of the pages are made of the figures of a run, and nothing beside them changes."""

from docs.publish_benchmarks import PAGES, TABLES, published

FIGURES = {
    "figures": [
        {"workload": "send", "contender": "mq", "ratio": None, "rate": 2000, "waiting": 100},
        {"workload": "send", "contender": "huey", "ratio": 0.5, "rate": 4000, "waiting": 100},
    ],
    "goals": [
        {
            "workload": "send", "waiting": 100, "peer": "huey", "goal": 1.1, "ratio": 0.5,
            "met": False,
        },
    ],
}  # fmt: skip


def test_a_goal_that_is_missed_is_published_as_missed() -> None:
    page = published("a\n<!-- bench: goals -->\nold\n<!-- /bench -->\nb", FIGURES)

    assert "| send | 100 | huey | 1.1 | 0.50 | missed |" in page.splitlines()


def test_a_rate_says_beside_whom_and_with_what_waiting() -> None:
    page = published("<!-- bench: rates -->\nold\n<!-- /bench -->", FIGURES)

    assert "| send | 100 | 2,000 | huey 4,000 (0.50) |" in page.splitlines()


def test_what_stands_beside_the_marks_stays() -> None:
    page = published("a\n<!-- bench: goals -->\nold\n<!-- /bench -->\nb", FIGURES)

    assert (page.splitlines()[0], page.splitlines()[-1], "old" in page) == ("a", "b", False)


def test_each_table_stands_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert all(f"<!-- bench: {name} -->" in text for name in TABLES)
