"""Faults: the real processes are killed in the middle of their work, and afterwards everything has to be there, once."""
