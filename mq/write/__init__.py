"""Storing what is given: inputs, destinations, and batches each confirmed."""
