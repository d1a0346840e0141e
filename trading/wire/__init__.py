"""The wire: the API of the broker Alpaca, spoken by this site, so that its SDK and bots written for it run unchanged.

Mounted at ``/alpaca`` (``gate``), with its own keys, errors and limits. Every answer is made from the same operations and
queries as the pages; nothing here changes a row by itself. What is compatible and what differs: docs/api/alpaca.md.
"""
