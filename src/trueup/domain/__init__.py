"""The vocabulary: frozen values without I/O, clock or randomness."""
