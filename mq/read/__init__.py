"""Reading a topic, a group, a queue or a share, and printing it."""
