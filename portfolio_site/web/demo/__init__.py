"""The front hall: the demo site.

A believable person's portfolio and a paper account, made through the same operations as anybody's, at simulated prices.
"""
