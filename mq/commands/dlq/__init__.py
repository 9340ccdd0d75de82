"""`mq dlq`."""
