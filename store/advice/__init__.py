"""Judgement: where a workload lies between queue and log. Pure, it opens no store."""
