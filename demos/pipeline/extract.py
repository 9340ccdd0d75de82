"""Extract the text of one document and hand it on; run by `mq work documents -- python extract.py`.

It sends to the next queue and then ends with 0, which acknowledges: a worker that is killed between
the two does both again, so a text may be handed on twice. The next stage is ready for that.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from mq import Store


def main() -> None:
    """Hand on one text; a format that is not in formats.txt is an error."""
    document = json.load(sys.stdin)
    if document["format"] not in Path("formats.txt").read_text().split():
        sys.exit(f"unknown format {document['format']} in {document['id']}")
    body = document["body"]
    text = body[::-1] if document["format"] == "fax" else body
    with Store.open(os.environ["MQ_STORE"]) as store:
        store.send("texts", json.dumps({"id": document["id"], "text": text}))
    if document["id"] == os.environ.get("DIE_AFTER"):
        os.kill(os.getppid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
