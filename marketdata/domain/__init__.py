"""Market data, pure part: rules about prices that need no database, clock or network."""
