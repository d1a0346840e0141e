"""What the scripts share: services, processes, bootstrap, checks.

Only the standard library is imported here, because `script/server` and `script/test` start on a machine that
has nothing but Python. The root `conftest.py` uses the same code to give every test session its own servers.
"""
