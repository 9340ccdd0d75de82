"""`mq verify`: check the store from end to end."""

from mq.cli.context import Context, current_context
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
    """Check the file, every row and counter, and every record's checksum; exit code 7 for damage.

    It reads the whole store, and goes on past damage to list all of it. Others can go on reading
    and writing.
    """
    context = current_context()
    findings, records = _verified(context)
    path = context.store_location().path
    context.output.listing(FINDINGS, findings)
    if findings:
        raise Damaged(
            f"{path} has {counted(len(findings), 'problem')}",
            hint=f"copy the intact part: mq salvage {path} NEW; or put a backup in its place:"
            " mq restore BACKUP",
        )
    context.diagnostics.success(f"{path}: {counted(records, 'record')}, no problems")


def _verified(context: Context) -> tuple[list[Finding], int]:
    from store import Store

    try:
        with context.open_file() as store:
            with context.diagnostics.progress("verify") as progress:
                findings = store.verify(progress=progress.at)
            return findings, 0 if findings else store.status().records
    except Damaged:
        # Too damaged to be opened: report more than that.
        findings = Store.verify_file(context.store_location().path)
        if not findings:
            raise
        return findings, 0
