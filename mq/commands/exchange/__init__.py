"""Exchanges, bindings and routes."""
