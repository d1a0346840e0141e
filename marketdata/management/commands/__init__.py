"""Market data: management commands."""
