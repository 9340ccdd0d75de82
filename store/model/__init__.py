"""Words and plain values: names, settings, records, errors; no I/O, nothing of an engine."""
