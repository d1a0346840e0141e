"""Pure readers of files that hold a portfolio."""
