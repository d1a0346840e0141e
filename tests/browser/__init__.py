"""Tests with a real browser against the running site."""
