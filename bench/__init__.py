"""Benchmarks: `python -m bench` prints one table of what was measured, beside what is wanted."""
