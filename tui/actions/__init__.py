"""The dashboard's actions: each a call of the store, shown before it is made."""
