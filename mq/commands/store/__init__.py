"""The store as a file: create, back up, restore, check, shrink."""
