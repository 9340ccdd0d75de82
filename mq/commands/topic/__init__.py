"""`mq topic`."""
