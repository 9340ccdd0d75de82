"""`mq peek`."""
