"""`mq group`."""
