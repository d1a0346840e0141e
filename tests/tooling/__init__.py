"""Tests of the scripts and of the files around the code."""
