"""Market data importers: reading price files. Pure: lines in, checked rows out, no database."""
