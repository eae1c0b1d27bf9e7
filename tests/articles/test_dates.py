"""Dates: every known form gives the moment it was written from, and everything else is refused."""

import email.utils
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrec.articles.dates import parse_date

LATEST = 2027
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(LATEST, 12, 30), timezones=ZONES).map(
    lambda moment: moment.replace(microsecond=0)
)
# How people and programs write a moment; each keeps the seconds and names the zone as an offset.
WRITERS = [
    datetime.isoformat,
    lambda moment: moment.isoformat(" "),
    lambda moment: moment.isoformat().replace("-", "/", 2) if moment.year > 1000 else "",
    lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    lambda moment: moment.isoformat(timespec="microseconds"),
    lambda moment: moment.strftime("%Y%m%dT%H%M%S%z"),
    lambda moment: moment.astimezone(UTC).strftime("%Y%m%d%H%M%S"),
    email.utils.format_datetime,
    lambda moment: email.utils.format_datetime(moment.astimezone(UTC), usegmt=True),
    lambda moment: moment.strftime("%A, %d-%b-%Y %H:%M:%S %z"),
    lambda moment: moment.strftime("%d %B %Y %H:%M:%S %z"),
    lambda moment: moment.strftime("%B %d, %Y %I:%M:%S %p %z"),
    lambda moment: moment.strftime("%b %d, %Y at %I:%M:%S %p GMT%z"),
    lambda moment: moment.strftime("%a %b %d %Y %H:%M:%S GMT%z (Some Standard Time)"),
    lambda moment: moment.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y"),
    lambda moment: moment.astimezone(UTC).strftime("%a %b %d %H:%M:%S UTC %Y"),
    lambda moment: moment.astimezone(UTC).strftime("%Y年%m月%d日 %H:%M:%S"),
]
DAY_WRITERS = [
    date.isoformat,
    lambda day: day.strftime("%Y/%m/%d"),
    lambda day: day.strftime("%Y%m%d"),
    lambda day: int(day.strftime("%Y%m%d")),
    lambda day: day.strftime("%d %B %Y"),
    lambda day: day.strftime("%a, %d %b %Y"),
    lambda day: day.strftime("%B %d, %Y"),
    lambda day: f"{day.year}年{day.month}月{day.day}日",
]


def in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("number", range(len(WRITERS)))
@given(moment=MOMENTS)
def test_a_moment_is_read_as_it_was_written(number: int, moment: datetime) -> None:
    text = WRITERS[number](moment)
    assert parse_date(text, LATEST) == in_utc(moment), text


@pytest.mark.parametrize("number", range(len(DAY_WRITERS)))
@given(day=st.dates(date(1900, 1, 1), date(LATEST, 12, 31)))
def test_a_day_is_read_as_it_was_written(number: int, day: date) -> None:
    assert parse_date(DAY_WRITERS[number](day), LATEST) == day.isoformat()


@given(moment=st.datetimes(datetime(1974, 1, 1), datetime(LATEST, 12, 30), timezones=st.just(UTC)))
def test_counts_since_1970_are_read_in_every_unit(moment: datetime) -> None:
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    expected = in_utc(moment)
    for count in (micros, micros // 1_000, micros // 1_000_000, micros * 1_000):
        assert parse_date(count, LATEST) == expected
        assert parse_date(str(count), LATEST) == expected
    assert parse_date(Decimal(micros) / 1_000_000, LATEST) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("May 31, 2024 03:00 PM", "2024-05-31T15:00:00Z"),
        ("May 31, 2024 12:00 AM", "2024-05-31T00:00:00Z"),
        ("Fri, 31 May 2024 03:00:00 JST", "2024-05-30T18:00:00Z"),
        ("Fri, 31 May 2024 03:00:00 CEST", "2024-05-31T01:00:00Z"),
        ("Fri, 31 May 2024 03:00:00 GMT+8", "2024-05-30T19:00:00Z"),
        ("Fri, 31 May 24 03:00 EDT", "2024-05-31T07:00:00Z"),
        ("Thursday, June 6th, 2024 at 9:05 a.m. EST", "2024-06-06T14:05:00Z"),
        ("2024-05-31 12:00:00.0000000 +00:00", "2024-05-31T12:00:00Z"),
        ("1.7171568e12", "2024-05-31T12:00:00Z"),
        (datetime(2024, 5, 31, 12), "2024-05-31T12:00:00Z"),
    ],
)
def test_forms_of_real_systems(value: object, expected: str) -> None:
    assert parse_date(value, LATEST) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2024, "is not a date"),
        (45443, "is not a date"),
        ("31.05.2024", "is not a date"),
        ("05/31/24", "is not a date"),
        ("2024-05", "is not a date"),
        ("today", "is not a date"),
        (True, "is not a date"),
        (float("nan"), "is not a date"),
        (10**400, "is not a date"),
        ("Mon, 30 Nov -0001 00:00:00 +0000", "is not a date"),
        ("0000-00-00 00:00:00", "names no day that exists"),
        ("2024-02-30", "names no day that exists"),
        ("2024-05-31T25:00:00Z", "names no time that exists"),
        ("May 31, 2024 13:00 PM", "names no time that exists"),
        ("Wed, 5 Jun 2024 10:00 IST", "the zone 'IST'"),
        ("2024-05-31T12:00:00+99:00", "which does not exist"),
        ("9999-12-31T23:59:59-14:00", "is not"),
        ("0001-01-01T00:00:00+08:00", "is not"),
        ("1899-12-31", "is not between 1900 and 2027"),
        ("2028-01-01", "is not between 1900 and 2027"),
        ("1" * 1_000_000, "is not a date"),
    ],
)
def test_nothing_is_guessed(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_date(value, LATEST)
    assert len(str(refused.value)) < 200


def test_a_format_reads_what_only_the_source_can_know() -> None:
    assert parse_date("31.05.2024", LATEST, "%d.%m.%Y") == "2024-05-31"
    assert parse_date("05/31/24", LATEST, "%m/%d/%y") == "2024-05-31"
    assert parse_date("31.05.2024 15:00", LATEST, "%d.%m.%Y %H:%M") == "2024-05-31T15:00:00Z"
    assert parse_date("2024-05-31", LATEST, "%d.%m.%Y") == "2024-05-31", (
        "a standard form still is one"
    )
    with pytest.raises(ValueError, match="names no day that exists"):
        parse_date("2024.31.05", LATEST, "%d.%m.%Y")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("202405311200", "2024-05-31T12:00:00Z"),
        (202405311200, "2024-05-31T12:00:00Z"),
        ("20240531T1200+0200", "2024-05-31T10:00:00Z"),
        (207014400000, "1976-07-24T00:00:00Z"),  # twelve digits that name no minute
        ("2024.05.31", "2024-05-31"),
        ("/Date(1717149600000+0200)/", "2024-05-31T10:00:00Z"),
        ("2024-05-31T12:00:00+02:00[Europe/Berlin]", "2024-05-31T10:00:00Z"),
        ("2024-05-31 10:00:00+00:00:00", "2024-05-31T10:00:00Z"),
        ("Fri,31 May 2024 10:00:00 GMT", "2024-05-31T10:00:00Z"),
        ("2024年05月31日 20时30分", "2024-05-31T20:30:00Z"),
    ],
)
def test_forms_of_other_systems(value: object, moment: str) -> None:
    assert parse_date(value, LATEST) == moment


@pytest.mark.parametrize("value", [253402300799, "253402300800", 253402214400.0])
def test_the_end_of_the_year_9999_is_never(value: object) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        parse_date(value, LATEST)
