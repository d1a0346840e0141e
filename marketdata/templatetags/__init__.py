"""Template tags of market data."""
