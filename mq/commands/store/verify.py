"""`mq verify`: check the store from end to end."""

from mq.cli.context import current_context
from mq.cli.output import Column
from mq.commands import SingleCommand
from store.model.errors import Damaged
from store.model.maintenance import Finding
from store.model.text import counted

app = SingleCommand()

FINDINGS: list[Column[Finding]] = [
    Column("address", lambda finding: finding.address),
    Column("problem", lambda finding: finding.problem),
]


@app.command()
def verify() -> None:
    """Check the file, every counter and every record's checksum; exit code 7 if something is wrong.

    It reads the whole store. Others can go on reading and writing.
    """
    context = current_context()
    with context.open_store() as store:
        findings = store.verify()
        records = store.status().records
        path = store.path
    context.output.listing(FINDINGS, findings)
    if findings:
        raise Damaged(
            f"{path} has {counted(len(findings), 'problem')}",
            hint="keep a copy of the file, then restore a backup or read on past the damage",
        )
    context.diagnostics.success(f"{path}: {counted(records, 'record')}, no problems")
