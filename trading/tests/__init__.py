"""Tests of the counter. One file per behaviour."""
