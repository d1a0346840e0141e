"""Market data: what things cost. Instruments, daily bars, quotes, exchange rates, corporate actions, and who
provides them."""
