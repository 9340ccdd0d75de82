"""Judgement of a workload or of settings, from values alone: pure, it opens no store."""
