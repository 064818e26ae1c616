"""Unit 15's loader of candle files, on small files that the tests make."""

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from equations import ROOT

FOLDER = str(ROOT / "course" / "15-trading-agent")
sys.path.insert(0, FOLDER)

from candles import COLUMNS, CandleError, read_candles  # noqa: E402
from market import CLOSE, FIELDS  # noqa: E402
from trading_env import TradingEnv, blocks_of  # noqa: E402

sys.path.remove(FOLDER)

DAY = 86_400_000
START = 1_609_459_200_000  # 2021-01-01


def row(k, price=10.0, **changed):
    """The candle of day k as a dict of texts."""
    opened = START + k * DAY
    values = dict(
        open_time=opened, open=price, high=price * 1.1, low=price * 0.9, close=price * 1.01, volume=5.0,
        close_time=opened + DAY - 1, quote_volume=5 * price, trades=7, taker_base=2.0, taker_quote=2 * price,
    )  # fmt: skip
    return {c: str(changed.get(c, v)) for c, v in values.items()}


def write(path, rows, columns=COLUMNS, header=True):
    lines = [",".join(columns)] if header else []
    lines += [",".join(r.get(c, "0") for c in columns) for r in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_files_on_one_grid(tmp_path):
    a = write(tmp_path / "a.csv", [row(k, 10 + k) for k in range(4)])
    b = write(tmp_path / "b.csv", [row(k, 20 + k) for k in range(4)])
    table, filled = read_candles({"A": a, "B": b})
    assert table.names == ("A", "B") and table.values.shape == (4, 2, 9) and not filled.any()
    assert table.times[1] == np.datetime64("2021-01-02")
    assert dict(zip(FIELDS, table.values[2, 1], strict=True)) == {
        "open": 22, "high": 22 * 1.1, "low": 22 * 0.9, "close": 22 * 1.01, "volume": 5, "quote_volume": 110, "trades": 7,
        "taker_base": 2, "taker_quote": 44,
    }  # fmt: skip


@pytest.mark.parametrize("columns", [COLUMNS[::-1], (*COLUMNS, "ignore")])
def test_columns_are_found_by_name(tmp_path, columns):
    table, _ = read_candles({"A": write(tmp_path / "a.csv", [row(0), row(1, 12)], columns)})
    assert table.close[1, 0] == 12 * 1.01


def test_names_that_exchanges_use(tmp_path):
    path = write(tmp_path / "a.csv", [row(0), row(1)])
    text = path.read_text().replace("open_time", "Open time").replace("quote_volume", "Quote asset volume")
    path.write_text(text.replace("trades", "Number of trades").replace("taker_base", "Taker buy base asset volume"))
    assert read_candles({"A": path})[0].values.shape == (2, 1, 9)


@pytest.mark.parametrize("columns", [COLUMNS, (*COLUMNS, "ignore")])
def test_without_a_header_the_order_counts(tmp_path, columns):
    table, _ = read_candles({"A": write(tmp_path / "a.csv", [row(0), row(1, 12)], columns, header=False)})
    assert len(table.times) == 2 and table.close[1, 0] == 12 * 1.01


@pytest.mark.parametrize(
    "write_time",
    [lambda ms: ms * 1000, lambda ms: str(np.datetime64(ms, "ms")), lambda ms: f"{np.datetime64(ms, 'ms')}+00:00"],
)
def test_times_in_other_forms(tmp_path, write_time):
    rows = [{**row(k), **{c: str(write_time(int(row(k)[c]))) for c in ("open_time", "close_time")}} for k in range(3)]
    table, _ = read_candles({"A": write(tmp_path / "a.csv", rows)})
    assert table.times[2] == np.datetime64("2021-01-03")


def test_dates_without_a_header(tmp_path):
    rows = [{**row(k), "open_time": f"2021-01-0{k + 1}", "close_time": f"2021-01-0{k + 1}T23:59"} for k in range(2)]
    assert len(read_candles({"A": write(tmp_path / "a.csv", rows, header=False)})[0].times) == 2


def test_a_late_listing_is_missing_and_never_zero(tmp_path):
    a = write(tmp_path / "a.csv", [row(k) for k in range(5)])
    b = write(tmp_path / "b.csv", [row(k) for k in range(2, 5)])
    table, filled = read_candles({"A": a, "B": b})
    assert np.isnan(table.values[:2, 1]).all() and not np.isnan(table.values[2:]).any() and not filled.any()


def test_a_gap_is_filled_with_what_was_known(tmp_path):
    table, filled = read_candles({"A": write(tmp_path / "a.csv", [row(0, 10), row(1, 11), row(4, 30)])})
    assert filled[:, 0].tolist() == [False, False, True, True, False]
    np.testing.assert_array_equal(table.values[2, 0], [11 * 1.01] * 4 + [0] * 5)  # not a mean with the 30 to come


def test_a_repeated_row_counts_once(tmp_path):
    table, filled = read_candles({"A": write(tmp_path / "a.csv", [row(0), row(1), row(1), row(2)])})
    assert len(table.times) == 3 and not filled.any()


def test_the_table_ends_where_the_first_file_ends(tmp_path):
    a = write(tmp_path / "a.csv", [row(k) for k in range(6)])
    b = write(tmp_path / "b.csv", [row(k) for k in range(4)])
    assert len(read_candles({"A": a, "B": b})[0].times) == 4


def test_minutes(tmp_path):
    start = datetime(2018, 1, 1, tzinfo=UTC)
    rows = []
    for k in range(3):
        opened = start + timedelta(minutes=k)
        rows.append(
            {**row(0), "open_time": opened.isoformat(), "close_time": (opened + timedelta(seconds=59)).isoformat()}
        )
    table, _ = read_candles({"A": write(tmp_path / "a.csv", rows)})
    assert (np.diff(table.times) == np.timedelta64(1, "m")).all()


WRONG = {
    "the header lacks volume, trades": lambda p: write(p, [row(0)], [c for c in COLUMNS if c not in ("volume", "trades")]),
    r"a.csv:3: 'many' in column volume is not a number": lambda p: write(p, [row(0), row(1, volume="many")]),
    r"a.csv:2: 'nan' in column close is not a finite number": lambda p: write(p, [row(0, close="nan"), row(1)]),
    r"a.csv:2: '' in column open is not a number": lambda p: write(p, [row(0, open=""), row(1)]),
    r"a.csv:2: 'noon' in column open_time is no time": lambda p: write(p, [row(0, open_time="noon"), row(1)]),
    r"a.csv:4: time goes backwards, from 2021-01-03T00:00:00 to 2021-01-02T00:00:00": lambda p: write(p, [row(0), row(2), row(1)]),
    r"a.csv:4: a second and different candle for 2021-01-02T00:00:00": lambda p: write(p, [row(0), row(1), row(1, 12)]),
    r"a.csv:2: a price is not positive": lambda p: write(p, [row(0, low="0"), row(1)]),
    r"a.csv:3: open and close must lie between low 9 and high 11": lambda p: write(p, [row(0), row(1, close="12")]),
    r"a.csv:2: a volume or the number of trades is negative": lambda p: write(p, [row(0, taker_base="-1"), row(1)]),
    r"a.csv:2: the candle closes before it opens": lambda p: write(p, [row(0, close_time=START - 1), row(1)]),
    r"is off the grid of 1 days": lambda p: write(p, [row(0), row(1), row(2), row(0, open_time=START + 7 * DAY // 2, close_time=START + 4 * DAY)]),
    "the file is empty": lambda p: p.write_text("\n") and p,
    "a header and no candles": lambda p: write(p, []),
    "no file has two candles": lambda p: write(p, [row(0)]),
    r"a.csv:1: 3 columns and no header": lambda p: p.write_text("1609459200000,1,2\n") and p,
    r"a.csv:3: 4 columns, too few": lambda p: p.write_text(",".join(COLUMNS) + "\n" + ",".join(row(0).values()) + "\n1,2,3,4\n") and p,
    "more than once": lambda p: write(p, [row(0)], (*COLUMNS, "close")),
}  # fmt: skip


@pytest.mark.parametrize("says", WRONG)
def test_what_cannot_be_right_is_an_error_that_says_where(tmp_path, says):
    path = WRONG[says](tmp_path / "a.csv")
    path = tmp_path / "a.csv" if not hasattr(path, "open") else path
    with pytest.raises(CandleError, match=says):
        read_candles({"A": path})


def test_files_that_do_not_overlap(tmp_path):
    a = write(tmp_path / "a.csv", [row(k) for k in range(3)])
    b = write(tmp_path / "b.csv", [row(k) for k in range(5, 8)])
    with pytest.raises(
        CandleError,
        match=r"do not overlap: .*b\.csv begins 2021-01-06T00:00:00, after .*a\.csv has ended 2021-01-03T00:00:00",
    ):
        read_candles({"A": a, "B": b})


def test_no_files_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CandleError, match="no files"):
        read_candles({})
    with pytest.raises(FileNotFoundError):
        read_candles({"A": tmp_path / "none.csv"})


def test_what_was_loaded_can_be_traded(tmp_path):
    a = write(tmp_path / "a.csv", [row(k, 10 + k) for k in range(20)])
    b = write(tmp_path / "b.csv", [row(k, 30 - k) for k in range(8, 20) if k != 12])
    table, _ = read_candles({"A": a, "B": b})
    env = TradingEnv(table.close, blocks_of(table.values, 3))
    env.reset()
    _, reward, *_, info = env.step((2, 0.5))  # B is not listed yet
    assert info["refused"] and reward == 0 and info["value"] == 1
    assert CLOSE == 3
