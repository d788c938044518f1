"""Measurements of the program, side by side with others: `python -m bench.http`."""
