"""What tests of market data share besides fixtures."""
