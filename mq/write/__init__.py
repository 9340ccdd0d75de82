"""Storing input: where it comes from, where it goes, and batches that are confirmed."""
