"""The thinking: pure functions over the domain; no I/O, no clock, no randomness."""
