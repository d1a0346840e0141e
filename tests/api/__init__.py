"""Tests of the API as a whole: its description holds, whoever asks whatever."""
