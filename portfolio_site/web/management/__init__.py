"""The front hall's commands."""
