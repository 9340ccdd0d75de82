"""Flights out of New York round a blizzard: the data and the story of `mq demo flights`."""
