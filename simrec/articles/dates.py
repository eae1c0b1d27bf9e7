"""Dates as sources write them: only known and unambiguous forms, anything else is refused."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

EARLIEST_YEAR = 1900
# Zero of Windows, of SQL Server, of spreadsheets.
NO_DAYS = {"1601-01-01", "1753-01-01", "1899-12-30", "1899-12-31"}
SHOWN_CHARS = 60
LONGEST = 100
DAY_CHARS = len("2024-05-31")
MOMENT_CHARS = len("2024-05-31T12:00:00")
NOT_A_DATE = (
    "is not a date (write it as 2024-05-31 or 2024-05-31T12:00:00Z, or set fields.date_format)"
)

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}
# Hours from UTC. Names that stand for several zones (BST, IST, AST, ...) are missing on purpose;
# the American ones are those of RFC 822.
ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10,
    "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "WIB": 7,
    "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip

_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?(?:,\s*|\s+))?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?"
)
# +08:00, also with seconds or a place behind it as Java writes them; CEST; GMT+0800 (China Time).
_ZONE = (
    r"(?:\s*(?P<zone>(?:gmt|utc)?[+-]\d{1,2}(?::?\d{2})?(?=:00|\[|\s|\(|\Z)|[a-z]{1,5})(?::00)?"
    r"(?:\[[\w/+-]+\])?(?:\s*\([^()]*\))?)?"
)
_MONTH = r"(?P<month_name>[a-z]{3,9})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_AFTER = rf"(?:(?:,|\s+at|,\s*at)?\s+{_CLOCK}{_ZONE})?"
FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        # 2024-05-31T12:00:00.5+08:00, 2024/05/31 12:00, 2024.05.31, 2024-05-31 12:00:00 UTC
        rf"{_YEAR}(?P<dash>[-/.])(?P<month>\d{{1,2}})(?P=dash)(?P<day>\d{{1,2}})"
        rf"(?:(?:t|\s+){_CLOCK}{_ZONE})?",
        # 20240531, 20240531T120000Z, 20240531T1200, 20240531120000
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        r"(?:t(?P<hour>\d{2})(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,]\d+)?)?"
        rf"{_ZONE})?",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
        rf"(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}})(?:[.,]\d+)?{_ZONE}",
        # Fri, 31 May 2024 03:00:00 CEST, 31 May 2024, 31-May-24 (RFC 822 and 2822)
        rf"{_WEEKDAY}{_DAY}(?:\s+|-){_MONTH}(?:\s+|-|,\s*)(?P<year>\d{{4}}|\d{{2}}){_AFTER}",
        # May 31, 2024 03:00 PM, Friday, May 31st 2024 at 15:00,
        # Fri May 31 2024 03:00:00 GMT+0800 (CST)
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}(?:,\s*|\s+){_YEAR}{_AFTER}",
        # Fri May 31 03:00:00 UTC 2024 (asctime, date)
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}\s+{_CLOCK}{_ZONE}\s+{_YEAR}",
        # 2024年5月31日 15:00
        rf"{_YEAR}\s*[年년]\s*(?P<month>\d{{1,2}})\s*[月월]\s*(?P<day>\d{{1,2}})\s*[日일]"
        rf"(?:\s*{_CLOCK})?",
        # 2024年5月31日 15时30分
        r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*日"
        r"\s*(?P<hour>\d{1,2})\s*[时時点]\s*(?P<minute>\d{1,2})\s*分(?:\s*(?P<second>\d{1,2})\s*秒)?",
    )
]
# What numbers of 8, 12 and 14 digits are if they name a day, a minute or a second that exists.
DIGITS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?)?"
)
JSON_DATE = re.compile(r"/?Date\((-?\d+)(?:[+-]\d{4})?\)/?")  # of .NET, in milliseconds
OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = Decimal("1e20")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:e\+?\d+)?", re.IGNORECASE)
# The last days of the year 9999 in seconds since 1970, which stand for "never".
NEVER = range(253_402_128_000, 253_402_387_201)
# How many digits a count since 1970 has, and the microseconds of its unit. Eight digits are a day
# (20240531) and fourteen a moment, as are twelve that name one; other lengths say nothing.
MICROSECONDS = {
    9: Decimal(1_000_000),
    10: Decimal(1_000_000),
    12: Decimal(1_000),
    13: Decimal(1_000),
    15: Decimal(1),
    16: Decimal(1),
    18: Decimal("0.001"),
    19: Decimal("0.001"),
}


def parse_date(
    value: Any, latest_year: int, date_format: str = "", earliest_year: int = EARLIEST_YEAR
) -> str:
    """Return a day as `2024-05-31`, or a moment in UTC as `2024-05-31T12:00:00Z`.

    Takes dates and datetimes (naive ones are UTC), counts of seconds, milliseconds, microseconds or
    nanoseconds since 1970, and texts: ISO 8601, RFC 822 and 2822 with names of zones, English month
    names with 12 or 24 hours, what JavaScript and C print, and `2024年5月31日`. A text is first read
    by `date_format`, as of `datetime.strptime`, if one is given. Raises ValueError for every other
    value, for a zone that is unknown or stands for several, for a year before `earliest_year` or
    after `latest_year`, and for a day by which systems say that there is none.
    """
    try:
        moment = _parse(value, date_format)
        if isinstance(moment, datetime):
            moment = _in_utc(moment)
    except (ValueError, OverflowError) as reason:
        why = NOT_A_DATE if isinstance(reason, OverflowError) else reason
        raise ValueError(f"{_shown(value)} {why}") from None
    if not earliest_year <= moment.year <= latest_year:
        raise ValueError(f"{_shown(value)} is not between {earliest_year} and {latest_year}")
    text = moment.isoformat()
    if text[:DAY_CHARS] in NO_DAYS:
        raise ValueError(f"{_shown(value)} is how systems write that there is no date")
    return f"{text[:MOMENT_CHARS]}Z" if isinstance(moment, datetime) else text


def _parse(value: Any, date_format: str) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _from_number(value)
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(NOT_A_DATE)
    text = value.strip()
    if date_format:
        try:
            return _by_format(text, date_format)
        except ValueError:
            pass  # a source may mix its own form with a standard one
    for form in FORMS:
        match = form.fullmatch(text)
        if match:
            return _from_match(match)
    written = JSON_DATE.fullmatch(text)
    if written:
        text = written[1]
    if NUMBER.fullmatch(text):
        return _from_number(Decimal(text))
    raise ValueError(NOT_A_DATE)


def _by_format(text: str, date_format: str) -> date:
    moment = datetime.strptime(text, date_format)
    has_time = any(mark in date_format for mark in ("%H", "%I", "%M", "%S", "%X", "%c", "%T", "%R"))
    return moment if has_time else moment.date()


def _from_match(match: re.Match[str]) -> date:
    parts = match.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 50 else 1900  # RFC 2822, 4.3
    name = parts.get("month_name")
    month = MONTHS.get(name.lower(), 0) if name else int(parts["month"])
    try:
        day = date(year, month, int(parts["day"]))
    except ValueError:
        raise ValueError("names no day that exists") from None
    if not parts.get("hour"):
        return day
    return datetime.combine(day, _clock(parts), _zone(parts.get("zone")))


def _clock(parts: dict[str, str | None]) -> time:
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    half = parts.get("half")
    if half:
        hour = hour % 12 + (12 if half.lower() == "p" else 0) if 1 <= hour <= 12 else 24
    try:
        return time(hour, minute, second)
    except ValueError:
        raise ValueError("names no time that exists") from None


def _zone(name: str | None) -> timezone:
    if not name:
        return UTC
    offset = OFFSET.fullmatch(name)
    if not offset:
        if name.upper() not in ZONES:
            raise ValueError(f"names the zone '{name}', which is unknown or stands for several")
        return timezone(timedelta(hours=ZONES[name.upper()]))
    sign, hours, minutes = offset.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if shift >= timedelta(hours=24) or int(minutes or 0) >= 60:
        raise ValueError(f"names the zone '{name}', which does not exist")
    return timezone(-shift if sign == "-" else shift)


def _from_number(value: int | float | Decimal) -> date:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or abs(number) >= LARGEST:
        raise ValueError(NOT_A_DATE)
    digits = str(abs(int(number)))
    named = DIGITS.fullmatch(digits)
    if named and number > 0 and _names_a_day(named):
        return _from_match(named)
    unit = MICROSECONDS.get(len(digits))
    if unit is None or int(number) in NEVER:
        raise ValueError(NOT_A_DATE)
    return EPOCH + timedelta(microseconds=int(number * unit))


def _names_a_day(match: re.Match[str]) -> bool:
    """Tell whether digits name a day that exists; 8 and 14 can be nothing else, even if not."""
    if len(match[0]) != len("202405311200"):
        return True
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    return year >= EARLIEST_YEAR and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _in_utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
