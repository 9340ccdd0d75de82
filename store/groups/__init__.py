"""The readers that keep one number: a bookmark per partition."""
