"""`mq queue`."""
