"""What the dashboard can do: each a call of the store, shown before it is made."""
