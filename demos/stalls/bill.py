"""Handle one payment; run by `mq work payments -g billing -- python bill.py`. One is poison."""

from __future__ import annotations

import sys

POISON = "invoice 3"

payment = sys.stdin.read()
if POISON in payment:
    sys.exit(f"there is no {POISON}")
