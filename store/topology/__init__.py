"""Topologies: files of what there shall be, compared with what there is, and applied."""
