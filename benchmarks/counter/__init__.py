"""What `benchmarks/orders.py` is made of: the site, the load, the floor it is held against, and the tick."""
