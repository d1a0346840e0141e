"""Market data: its pages."""
