"""The counter's commands."""
