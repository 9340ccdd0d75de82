"""The views that the dashboard's body shows, a module each."""
