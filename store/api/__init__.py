"""The calls of a store, by subject: short typed methods that open a transaction and delegate."""
