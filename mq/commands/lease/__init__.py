"""`mq receive`, `ack`, `nack`, `extend`, and `mq lease`."""
