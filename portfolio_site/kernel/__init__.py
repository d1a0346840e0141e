"""The ground floor: what every room stands on and what knows no room.

Money and rounding, the clock, events (transactional outbox), jobs, idempotency, API errors and pagination.
"""
