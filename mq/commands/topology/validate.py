"""`mq validate`: check topology files without a store."""

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.cli.topology_files import Files, read_sources
from mq.commands import SingleCommand
from store.model.text import counted
from store.topology.checks import validate as validate_sources
from store.topology.problems import InvalidTopology, Problem

app = SingleCommand()

PROBLEMS: list[Column[Problem]] = [
    Column("file", lambda problem: problem.place.file),
    Column("line", lambda problem: problem.place.line, right=True),
    Column("column", lambda problem: problem.place.column, right=True),
    Column("severity", lambda problem: problem.severity),
    Column("message", lambda problem: problem.message),
]


@app.command()
def validate(files: Files) -> None:
    """Check topology files, all together, and show every problem; exit code 2 if there is one.

    No store is needed: every reference must be declared in one of the files.
    """
    context = current_context()
    problems = validate_sources(read_sources(files))
    wrong = any(problem.severity == "error" for problem in problems)
    if context.format is not None:
        context.output.listing(PROBLEMS, problems)
    if wrong:
        raise InvalidTopology(problems)
    if context.format is None:
        for problem in problems:
            context.diagnostics.problem(str(problem))
    context.diagnostics.success(f"{counted(len(files), 'file')}, no errors")
