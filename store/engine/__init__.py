"""The protocols of an engine, by noun; `Store` implements all of them over a file."""
