"""The room of who: users, their preferences, roles, sessions and API tokens."""
