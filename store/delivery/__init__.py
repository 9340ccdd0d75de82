"""The readers that keep leases."""
