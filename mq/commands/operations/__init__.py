"""The operator's commands: lag, stalls, doctor, metrics, advice."""
