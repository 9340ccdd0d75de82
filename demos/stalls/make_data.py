"""Print the payments of six customers, key and value: `python make_data.py`."""

from __future__ import annotations

CUSTOMERS = 6

for customer in range(1, CUSTOMERS + 1):
    print(f"customer-{customer}:pay invoice {customer}")
