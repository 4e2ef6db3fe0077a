"""pandas: from a CSV file to a table by month."""

import io

import pandas as pd


def handler(event, context):
    """Return sums by month."""
    frame = pd.read_csv(io.StringIO(event["csv"]), parse_dates=["day"])
    frame["month"] = frame["day"].dt.strftime("%Y-%m")
    sums = frame.groupby("month")["value"].agg(["sum", "mean"])
    return {"months": list(sums.index), "rows": sums.round(3).to_dict("records")}
