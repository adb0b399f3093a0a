# SPDX-License-Identifier: Apache-2.0
"""Medians, spreads and ratios of the rounds of a row."""
import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Measure:
    """The median of the rounds, and the least and most of them."""

    median: float
    low: float
    high: float


def figures(rows, row, contestant, figure):
    """The figure of each round; empty where it was not measured."""
    rounds = rows.get(row, {}).get("samples", {}).get(contestant, [])
    return [each[figure] for each in rounds if figure in each]


def measure(values):
    return Measure(statistics.median(values), min(values), max(values)) if values else None


def combined(rows, first, second, of):
    """of(first, second) of the medians, with the spread over the rounds; first, second: (row, contestant, figure).

    None where a side was not measured."""
    one, other = figures(rows, *first), figures(rows, *second)
    if not one or not other:
        return None
    each = [of(a, b) for a, b in zip(one, other)]
    return Measure(of(statistics.median(one), statistics.median(other)), min(each), max(each))


def ratio(rows, first, second):
    return combined(rows, first, second, lambda a, b: a / b)
