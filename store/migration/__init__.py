"""Moving to another place: its topology, records and messages copied there, groups set on them."""
