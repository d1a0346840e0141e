"""The counter: orders, risk checks, reservations and the simulated exchange.

Sits on holdings, marketdata and the kernel; told what happened by prices, tells others by events.
"""
