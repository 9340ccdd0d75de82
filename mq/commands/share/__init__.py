"""`mq share`."""
