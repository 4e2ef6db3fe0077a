"""dateutil and pytz: dates as people write them, in the zones where they live."""

import datetime as dt

import pytz
from dateutil import parser, relativedelta, rrule

BERLIN = pytz.timezone("Europe/Berlin")


def handler(event, context):
    """Read the event's date, and plan from there."""
    when = parser.parse(event["when"])
    local = BERLIN.localize(when.replace(tzinfo=None))
    later = local + relativedelta.relativedelta(months=1)
    weekly = rrule.rrule(rrule.WEEKLY, count=3, dtstart=when)
    return {
        "utc": local.astimezone(dt.UTC).isoformat(),
        "later": later.isoformat(),
        "weekly": [each.date().isoformat() for each in weekly],
    }
