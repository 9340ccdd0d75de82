"""`mq vacuum`: give unused space back."""

from mq.cli.context import current_context
from mq.cli.reporting import report_document
from mq.commands import SingleCommand
from store.model.text import describe_size

app = SingleCommand()


@app.command()
def vacuum() -> None:
    """Give unused space back to the file system, in short steps.

    Records past their retention are removed first.
    """
    context = current_context()
    with (
        context.open_file() as store,
        context.diagnostics.progress("vacuum", in_bytes=True) as progress,
    ):
        freed = store.vacuum(progress=progress.at)
    report_document(context, {"freed_bytes": freed}, f"gave {describe_size(freed)} back")
