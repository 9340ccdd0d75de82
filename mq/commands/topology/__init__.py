"""Topology files: validate, plan, apply, export, import."""
