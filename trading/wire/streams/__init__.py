"""The wire's streams: order updates of an account, and live market data.

As everywhere, the database is the truth and the socket a hint: what an account is told is read from its numbered log, each
event once and in order, and never before it is stored.
"""
