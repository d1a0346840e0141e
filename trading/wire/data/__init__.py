"""The wire's market data: bars, quotes, trades and snapshots as programs ask for them.

Prices here are JSON numbers. Sizes that no source tells are 0, counts and averages that nobody keeps are null. Every answer
says in the header ``X-Data-Source`` whether prices in it are made up.
"""
