"""What an engine offers, as protocols by noun; `Store` offers all of it over a file."""
