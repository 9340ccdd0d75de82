"""Advice: the place of a workload between queue and log. Pure, it opens no store."""
