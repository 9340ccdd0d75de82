"""Where records and messages come from: one `Source` for a topic, a group, a queue or a share."""
