"""Tests of the whole: what concerns more than one app, the tooling, and the helpers that tests share."""
