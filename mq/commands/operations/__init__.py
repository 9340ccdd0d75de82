"""What an operator asks: lag, stalls, doctor, metrics, advice."""
