"""The sources of records and messages: one `Source` for a topic, a group, a queue or a share."""
