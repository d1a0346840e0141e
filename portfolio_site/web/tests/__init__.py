"""The front hall: tests."""
