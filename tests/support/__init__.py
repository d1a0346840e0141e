"""Fixtures and helpers that the tests of every app share."""
