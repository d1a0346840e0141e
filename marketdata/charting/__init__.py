"""Market data: figures in the shape that static/js/charts.js draws. Reads queries, knows no request."""

from marketdata.charting.choice import ADJUSTMENTS, KINDS, MARKS, SCALES, STUDIES, ChartChoice
from marketdata.charting.prices import PriceChart, price_chart
from marketdata.charting.ranges import DEFAULT_RANGE, RANGES, range_code
from marketdata.charting.writing import plain

__all__ = [
    "ADJUSTMENTS",
    "DEFAULT_RANGE",
    "KINDS",
    "MARKS",
    "RANGES",
    "SCALES",
    "STUDIES",
    "ChartChoice",
    "PriceChart",
    "plain",
    "price_chart",
    "range_code",
]
