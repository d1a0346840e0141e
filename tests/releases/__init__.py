"""Databases of earlier releases, brought up to date: what was written then is still there, and still proves itself."""
