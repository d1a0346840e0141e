"""Market data: figures in the shape that static/js/charts.js draws. Reads queries, knows no request."""

from marketdata.charting.choice import ChartChoice
from marketdata.charting.prices import PriceChart, price_chart
from marketdata.charting.ranges import DEFAULT_RANGE, RANGES, range_code
from marketdata.charting.writing import plain

__all__ = [
    "DEFAULT_RANGE",
    "RANGES",
    "ChartChoice",
    "PriceChart",
    "plain",
    "price_chart",
    "range_code",
]
