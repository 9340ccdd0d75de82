"""The primitive: records appended in order to partitions, which keep them."""
