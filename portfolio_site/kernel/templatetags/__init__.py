"""The ground floor: tags that templates load."""
