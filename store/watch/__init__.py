"""What an operator asks, one read transaction each."""
