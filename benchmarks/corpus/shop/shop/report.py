"""Sums are made."""

import pandas as pd


def monthly(rows):
    """Return sums by month."""
    return pd.DataFrame(rows).groupby("month")["value"].sum().to_dict()
