"""Print twelve documents, one JSON object per line: `python make_data.py`.

Three of them come in a format that the extractor does not know at first.
"""

from __future__ import annotations

import json

DOCUMENTS = 12
FAXES = (4, 7, 10)


def main() -> None:
    """Print every document."""
    for number in range(1, DOCUMENTS + 1):
        is_fax = number in FAXES
        body = f"body of document {number}"
        document = {
            "id": f"doc-{number}",
            "format": "fax" if is_fax else "text",
            "body": body[::-1] if is_fax else body,
        }
        print(json.dumps(document))


if __name__ == "__main__":
    main()
