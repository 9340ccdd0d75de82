"""Storing input: its sources, its destinations, and batches that are confirmed."""
