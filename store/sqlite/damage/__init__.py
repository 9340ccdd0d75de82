"""Damage in the file: what tells of it, and what finds all of it. Cold: only errors load this."""
