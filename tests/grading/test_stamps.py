"""When something was handed in: each form is read rightly, or not at all."""

from datetime import UTC, datetime

import pytest

from byhand.grading.stamps import read_stamp

TEN = datetime(2026, 11, 28, 10)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28 10:00:00.000000 UTC",  # nbgrader's own
        "2026-11-28 10:00",
        "2026-11-28T10:00:00Z",
        "2026-11-28T12:00:00+02:00",
        "2026-11-28 12:00 +0200",
        "2026-11-28 12:00 UTC+2",
        "2026-11-28 12:00:00 CEST",
        "2026-11-28 11:00 Europe/Berlin",
        "2026-11-28 05:00 EST",
        "20261128T100000Z",
        "2026/11/28 10:00",
        "28.11.2026 10:00",
        "28. 11. 2026, 10:00 UTC",
        "28/11/2026 10:00",
        "28-11-2026 10:00",
        "11/28/2026 10:00 AM",
        "10:00 28.11.2026",
        "Sat, 28 Nov 2026 10:00:00 GMT",
        "Saturday, 28 November 2026, 10:00 AM",
        "Sat Nov 28 10:00:00 2026",
        "28 Nov 2026 12:00 CEST",
    ],
)
def test_a_form_that_can_be_read_in_one_way_is_read_so(text):
    assert read_stamp(text) == TEN


@pytest.mark.parametrize("text", ["2026-11-28 10:00 PM", "28.11.2026 10:00 pm", "11/28/2026 10:00 PM UTC"])
def test_the_evening_is_no_morning(text):
    assert read_stamp(text) == datetime(2026, 11, 28, 22)


def test_of_a_day_with_its_months_number_nothing_can_be_mistaken():
    assert read_stamp("11.11.2026 10:00") == datetime(2026, 11, 11, 10)


@pytest.mark.parametrize(
    "text, why",
    [
        ("12.11.2026 10:00", "day and month"),
        ("12. 11. 2026, 10:00 UTC", "day and month"),
        ("11/12/2026 10:00 PM", "day and month"),
        ("12 11 2026 10:00", "day and month"),
        ("28.11.26 10:00", "day and month"),
        ("10:00", "no whole date"),
        ("Friday 10:00", "no whole date"),
        ("1780000000", "no whole date"),
        ("2026-11", "no whole date"),
        ("2026-13-40", "no whole date"),
        ("32.13.2026 10:00", "no whole date"),
        ("2026-11-28 10:00 IST", "the time zone IST"),
        ("2026-11-28 10:00 Europe/Nowhere", "the time zone Europe/Nowhere"),
        ("12. Dezember 2026 10:00", "no whole date"),
    ],
)
def test_nothing_is_guessed(text, why):
    with pytest.raises(ValueError, match=why):
        read_stamp(text)


def test_each_day_of_a_year_is_read_back_day_first_or_not_at_all():
    for number in range(365):
        day = datetime.fromtimestamp(1_767_225_600 + 86_400 * number, UTC).replace(tzinfo=None)
        if day.day > 12 or day.day == day.month:
            assert read_stamp(f"{day:%d.%m.%Y %H:%M}") == day
        else:
            with pytest.raises(ValueError, match="day and month"):
                read_stamp(f"{day:%d.%m.%Y %H:%M}")
