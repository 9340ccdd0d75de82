"""`mq list` and `mq show`: things of every kind."""
