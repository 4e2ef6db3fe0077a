"""Numbers on the command line, refused in words that a reader knows."""

from __future__ import annotations

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A number of seconds, fractions allowed."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return *value* as a `float` within the range; NaN is in no range, though it compares as if it were.

        Raises:
            click.BadParameter: If it is no number, or outside the range.
        """
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return super().convert(number, param, ctx)


class WholeNumber(click.IntRange):
    """A whole number."""

    name = "whole number"
