"""Unit 04: every equation of the lesson, computed and compared with torch; the station's files; the numbers in the prose."""

import itertools

import numpy as np
import pytest
import torch
from close import assert_close
from equations import ROOT, labels, module, printed

from byhand.course import Unit
from byhand.teaching.execute import executed, executed_solution

UNIT = "04-sequence-data"
T, N, D, H, O = 5, 3, 4, 6, 2


weather, pictures, checks, reference = (module(UNIT, name) for name in ("weather", "pictures", "checks", "reference"))


@pytest.fixture
def rng():
    return np.random.RandomState(4)


def cell_of(cell):
    """The cell of checks.py for one column vector; the references compare it with torch's."""
    return lambda x, h: cell(x[None], h[None])[0]


# Equations ---------------------------------------------------------------------------------------


def relabel(rng):
    W, x, P = rng.normal(size=(H, D)), rng.normal(size=D), np.eye(D)[rng.permutation(D)]
    layer = torch.nn.functional.linear(torch.tensor(x), torch.tensor(W)).numpy()
    assert_close((W @ P.T) @ (P @ x), layer)
    assert np.abs(W @ P @ x - layer).max() > 0.1  # without the columns it is another answer


def batch(rng):
    net = torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.Tanh(), torch.nn.Linear(H, O)).double()
    X, P = rng.normal(size=(N, D)), np.eye(N)[[2, 0, 1]]

    def f(X):
        return net(torch.tensor(X)).detach().numpy()

    assert_close(f(P @ X), P @ f(X))


def count_windows(rng):
    for M, length, k, s in itertools.product((20, 23, 40), (1, 5), (1, 6), (1, 2, 7)):
        counted = len(torch.arange(M)[: M - k].unfold(0, length, s))
        assert (M - length - k) // s + 1 == counted


def masked(rng):
    lengths, target = np.array([2, 5, 3]), torch.tensor(rng.randint(O, size=(T, N)))
    scores = torch.tensor(rng.normal(size=(T, N, O)))
    each = torch.nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), reduction="none").reshape(T, N)
    mask = (np.arange(1, T + 1)[:, None] <= lengths).astype(float)
    ignored = torch.where(torch.tensor(mask) == 1, target, -100)
    theirs = torch.nn.functional.cross_entropy(scores.flatten(0, 1), ignored.flatten())  # ignores -100
    assert_close((mask * each.numpy()).sum() / mask.sum(), theirs.numpy())


def cell(rng):
    args = checks.make_many(rng, T, 1, D, H, O)
    torchs, step, h = reference.many(**args), cell_of(args["cell"]), args["h0"][0]
    for t in range(T):
        h = step(args["x"][t, 0], h)
        assert_close(h, torchs["h"][t, 0])
        assert_close(args["c"] + args["V"] @ h, torchs["o"][t, 0])


def example(rng):
    """The cell that halves and adds is torch's RNN with W = 1/2 and U = 1 (ReLU changes nothing where all is positive)."""
    rnn = torch.nn.RNN(1, 1, nonlinearity="relu", bias=False).double()
    rnn.load_state_dict({"weight_ih_l0": torch.ones(1, 1), "weight_hh_l0": torch.full((1, 1), 0.5)})
    h, _ = rnn(torch.tensor([[4.0], [2.0], [6.0]]).double())
    assert_close(h.detach().numpy().ravel(), [4.0, 4.0, 8.0])


def feedback(rng):
    args = checks.make_generate(rng, 4, 1, D, H)
    theirs, step = reference.generate(**args)["y"], cell_of(args["cell"])
    x, h = args["x1"][0], args["h0"][0]
    for t in range(4):
        h = step(x, h)
        x = args["c"] + args["V"] @ h
        assert_close(x, theirs[t, 0])


def decoder(rng):
    args = checks.make_translate(rng, T, 1, D, H, O, n=3)
    theirs = reference.translate(**args)["y"]
    encode, decode = cell_of(args["encoder"]), cell_of(args["decoder"])
    h = args["h0"][0]
    for t in range(args["lengths"][0]):
        h = encode(args["x"][t, 0], h)
    s, y = h, args["start"][0]
    for t in range(3):
        s = decode(y, s)
        y = args["c"] + args["V"] @ s
        assert_close(y, theirs[t, 0])


def both(rng):
    args = checks.make_both(rng, T, 1, D, H)
    theirs = reference.both(**args)["h"][:, 0]
    forward, backward = cell_of(args["forward"]), cell_of(args["backward"])
    x = args["x"][:, 0]
    h, g = [args["h0_forward"][0]], args["h0_backward"][0]
    for t in range(T):
        h.append(forward(x[t], h[-1]))
        assert_close(h[-1], theirs[t, :H])
    V, c = rng.normal(size=(O, 2 * H)), rng.normal(size=O)
    for t in reversed(range(T)):
        g = backward(x[t], g)
        assert_close(g, theirs[t, H:])
        assert_close(c + V[:, :H] @ h[t + 1] + V[:, H:] @ g, reference.read(torch.tensor(theirs[t]), V, c).numpy())


def causal(rng):
    rnn, linear = torch.nn.RNN(D, H).double(), torch.nn.Linear(H, O).double()
    J = torch.autograd.functional.jacobian(lambda x: linear(rnn(x)[0]), torch.tensor(rng.normal(size=(T, D))))
    for t, s in itertools.product(range(T), range(T)):
        assert bool(J[t, :, s].abs().max() > 1e-6) == (s <= t)


def floor(rng):
    """The best of all functions of what has been heard at the first step is the mean, and its error is the variance."""
    x = 1.7 * rng.normal(size=(4, 200_000))
    heard = np.stack([x[0] ** k for k in range(4)], axis=1)  # any polynomial of the first input
    guess = heard @ np.linalg.lstsq(heard, x[-1], rcond=None)[0]
    assert np.mean((guess - x[-1]) ** 2) == pytest.approx(1.7**2, rel=0.01)


def merge_then_delete(path):
    """B on a string, symbol by symbol."""
    merged = [k for k, _ in itertools.groupby(path)]
    return "".join(k for k in merged if k != "-")


def collapse(rng):
    for path in itertools.product(range(3), repeat=6):
        theirs = reference.collapse(np.array(path), 0)["labels"]
        assert merge_then_delete("".join("-ab"[k] for k in path)) == "".join("-ab"[k] for k in theirs)
    assert merge_then_delete("hh-e-ll-lo") == "hello" == merge_then_delete("hel-lo")
    assert not any(merge_then_delete(p) == "hello" for p in itertools.product("-helo", repeat=5))


def ctc(rng):
    P = rng.dirichlet(np.ones(3), size=5)
    for word in ("a", "ab", "aa", "aba", "aab"):
        total = sum(
            np.prod([P[t, k] for t, k in enumerate(path)])
            for path in itertools.product(range(3), repeat=5)
            if merge_then_delete("".join("-ab"[k] for k in path)) == word
        )
        loss = torch.nn.functional.ctc_loss(
            torch.tensor(np.log(P))[:, None], torch.tensor([["-ab".index(k) for k in word]]),
            torch.tensor([5]), torch.tensor([len(word)]), reduction="sum",
        )  # fmt: skip
        assert_close(-np.log(total), loss.numpy())


def test_the_reference_of_ctc_is_the_sum_over_all_paths_and_torchs_loss(rng):
    """p is what torch's ctc_loss gives, and alpha[t, s] the sum over the beginnings of paths that say so much of the word."""
    for word, blank in (((1, 2), 0), ((1, 1), 0), ((0, 3), 2), ((), 1)):
        y_hat, word = rng.dirichlet(np.ones(4), size=4), np.array(word, dtype=int)
        found = reference.ctc_probability(y_hat, word, blank)
        row = [blank, *(k for letter in word for k in (letter, blank))]
        alpha = np.zeros((4, len(row)))
        for t in range(4):
            for path in itertools.product(range(4), repeat=t + 1):
                said = reference.collapse(np.array(path), blank)["labels"]
                s = 2 * len(said) - (path[-1] != blank)
                if s < len(row) and list(said) == list(word[: len(said)]):
                    alpha[t, s] += np.prod([y_hat[i, k] for i, k in enumerate(path)])
        assert_close(found["alpha"], alpha)
        assert_close(found["p"], alpha[-1, -2:].sum())
        if len(word):
            loss = torch.nn.functional.ctc_loss(
                torch.tensor(np.log(y_hat))[:, None], torch.tensor(word)[None], torch.tensor([4]), torch.tensor([len(word)]),
                blank=blank, reduction="sum",
            )  # fmt: skip
            assert_close(np.exp(-loss.numpy()), found["p"])


def test_the_gradient_of_a_words_probability_is_autograds_at_the_true_sums(rng):
    y_hat, word = rng.dirichlet(np.ones(4), size=6), np.array([1, 1, 3])
    alpha = reference.ctc_probability(y_hat, word, 0)["alpha"]
    leaf = torch.tensor(y_hat, requires_grad=True)
    reference.ctc(leaf, word, 0)[0].backward()
    assert_close(reference.ctc_backward(y_hat, word, 0, alpha)["dy_hat"], leaf.grad.numpy())


EQUATIONS = {
    "eq-seq-relabel": relabel, "eq-seq-batch": batch, "eq-seq-windows": count_windows, "eq-seq-masked": masked,
    "eq-seq-cell": cell, "eq-seq-example": example, "eq-seq-feedback": feedback, "eq-seq-decoder": decoder,
    "eq-seq-both": both, "eq-seq-causal": causal, "eq-seq-floor": floor, "eq-seq-collapse": collapse, "eq-seq-ctc": ctc,
}  # fmt: skip


@pytest.mark.parametrize("label", labels(UNIT))
def test_the_equation_holds(label, rng):
    EQUATIONS[label](rng)


# Prose -------------------------------------------------------------------------------------------


def test_the_prose_states_the_numbers_of_the_lesson():
    outputs = printed(executed(ROOT / "course" / UNIT / "lesson.ipynb"))
    for line in (
        "features shuffled                  [ 4. 16.]",
        "features and columns of W shuffled [-2. 10.]",
        "many-to-many   [4.0, 4.0, 8.0]",
        "bidirectional  [10.5, 9.0, 14.0]",
        "encoder-decoder [5.0, 7.5, 11.25]",
        "decoder [6. 2. 4. 0.] says 6.0",
        "decoder [9. 6. 2. 0.] says 9.0",  # four numbers on a shelf for three
        "decoder [0. 0. 0. 0.] says 0.0",
        "backward state at t = 1: [0. 4. 2. 6.] -> 6.0",
        "p(ab) = 0.519",
        "all words together: 1.000",
        "a-b 0.168",
        "p(ab) from torch: 0.519",
    ):
        assert line in outputs
    [twin] = [line for line in outputs.splitlines() if line.startswith("largest difference to its twin")]
    assert float(twin.split()[-1]) < 1e-12
    [a, b] = next(line for line in outputs.splitlines() if line.startswith("loss from")).split()[2::2]
    assert float(b) < 0.3 < float(a)  # the two are trained, not only begun


def test_what_the_figure_of_the_reversal_says():
    own, shared = pictures.reversal_errors(networks=4).values()
    assert (own["one direction"][:, :4] > 0.9).all()
    assert (own["one direction"][:, 4:] < 0.05).all()
    assert (own["both directions"] < 0.05).all()
    assert (own["encoder-decoder"] < 0.05).all()
    assert (shared["encoder-decoder"] < 0.05).all()
    middle = np.median(shared["both directions"], axis=0)
    assert (middle[2:6] > 0.7).all() and (middle[[0, 7]] < 0.3).all()
    alone = np.median(shared["one direction"], axis=0)
    assert (alone[:4] > 0.9).all() and alone[7] == pytest.approx(0.2, abs=0.05)


def test_the_wanted_number_stands_at_another_place_of_the_shelf_at_each_step():
    """In the first half, at place T + 2 - 2t of the backward cell; for the encoder-decoder T + 1 places are enough."""
    for length in (4, 5, 8):
        x = np.arange(1.0, length + 1)
        shift, into = np.eye(length + 1, k=-1), np.eye(length + 1)[1]
        shelf = np.zeros(length + 1)
        for t in range(length, 0, -1):
            shelf = shift @ shelf + into * x[t - 1]
            if 2 * t <= length + 1:
                assert shelf[length + 2 - 2 * t] == x[length - t]
        forward = np.zeros(length + 1)
        for number in x:
            forward = shift @ forward + into * number
        said = []
        for _ in x:
            forward = shift.T @ forward
            said.append(forward[0])
        assert said == list(x[::-1])


def test_a_kernel_of_two_and_an_average_know_the_order_of_neighbours_only():
    """Two words in another order give another average; two sentences that share their pairs give the same."""
    word = dict(zip("dbm", np.eye(3), strict=True))
    kernel = np.random.RandomState(0).normal(size=(4, 6))

    def average(text):
        pairs = [np.concatenate([word[a], word[b]]) for a, b in itertools.pairwise(text)]
        return np.mean(np.tanh(np.array(pairs) @ kernel.T), axis=0)

    assert np.abs(average("dbm") - average("mbd")).max() > 0.1
    assert_close(average("dbmdmbd"), average("dmbdbmd"))  # the same pairs in another order


def test_the_windows_of_the_stepper_are_those_of_torch():
    readings = [7, 8, 9, 12, 14, 13, None, 11, 9, 8, 7, 6, 8, 10]
    series = np.array([[np.nan if r is None else r] for r in readings], dtype=float)
    kept = reference.cut(series, T=4, horizon=2, stride=2)
    assert kept["x"].shape == (4, 3, 1)
    stepper = pictures.windows_stepper(readings, T=4, horizon=2, stride=2)
    assert len(stepper.frames) == 1 + 5 + 1
    assert sum("becomes column" in frame.sentence for frame in stepper.frames) == 3


def test_the_stepper_collapses_as_the_function_does():
    for path in ("hh-e-ll-lo", "aab", "a-a", "--b"):
        stepper = pictures.ctc_stepper(path)
        assert rf"\out{{\text{{{merge_then_delete(path)}}}}}" in stepper.frames[-1].equation


@pytest.mark.slow
def test_the_students_code_forecasts_the_temperature():
    found = {}
    for line in printed(executed_solution(Unit(ROOT, UNIT))).splitlines():
        if " degrees" in line:
            name, numbers = line[:21].strip(), line[21:].replace(",", "").split()
            found[name] = [float(n) for n in numbers if n.replace(".", "").isdigit()]
    _, _, worst, _ = found["your network"]
    for name in ("persistence", "same time yesterday", "line on this moment"):
        assert worst < 0.5 * found[name][0]
    _, best_shuffled, *_ = found["shuffled readings"]
    assert best_shuffled > 2 * worst


# The station -------------------------------------------------------------------------------------


def test_the_made_up_weather_is_the_same_every_time_and_looks_like_weather():
    series = weather.make_weather(days=30, seed=0)
    np.testing.assert_array_equal(series.values, weather.make_weather(days=30, seed=0).values)
    assert series.values.shape == (30 * 144, 4)
    assert not series.gaps()
    assert set(np.diff(series.times).astype(int)) == {10}
    low, high = series.values.min(axis=0), series.values.max(axis=0)
    assert (low > (-30, 940, -0.1, 0)).all() and (high < (45, 1060, 40, 100.1)).all()
    by_hour = series.values[:, 0].reshape(-1, 24, 6).mean(axis=(0, 2))
    assert 13 <= by_hour.argmax() <= 17  # warmest in the afternoon


def test_outages_become_gaps():
    series = weather.make_weather(days=30, seed=0)
    broken = weather.with_gaps(series, seed=1)
    assert 1 <= len(broken.gaps()) <= 3
    for first, after in broken.gaps():
        assert np.isnan(broken.values[first:after]).all()
        assert first == 0 or not np.isnan(broken.values[first - 1]).any()
    assert not np.isnan(series.values).any()  # the original is untouched


FILE = """time,temperature,station,pressure
2024-05-01 00:00,7.5,A,1013.1
2024-05-01 00:10,7.4,A,1013.0
2024-05-01 00:30,7.0,A,
2024-05-01 00:40,-999,A,1012.6
2024-05-01 00:50,6.6,A,1012.5
"""


@pytest.fixture
def station(tmp_path):
    """Write a file, read it."""

    def read(text=FILE, columns=("temperature", "pressure"), **options):
        path = tmp_path / "station.csv"
        path.write_text(text, encoding="utf-8")
        return weather.read_station(path, columns, **options)

    return read


def test_a_stations_file_lands_on_a_regular_grid_with_nan_in_its_gaps(station):
    series = station()
    nan = np.nan
    np.testing.assert_array_equal(
        series.values,
        [[7.5, 1013.1], [7.4, 1013.0], [nan, nan], [7.0, nan], [nan, 1012.6], [6.6, 1012.5]],
    )
    assert series.times[0] == np.datetime64("2024-05-01T00:00")
    assert set(np.diff(series.times).astype(int)) == {10}
    assert series.names == ("temperature", "pressure")
    assert series.gaps() == [(2, 5)]


def test_columns_come_in_the_order_in_which_they_are_asked_for(station):
    np.testing.assert_array_equal(station(columns=["pressure", "temperature"]).values[0], [1013.1, 7.5])
    assert station(columns="pressure").values.shape == (6, 1)


def test_short_gaps_are_bridged_on_request_and_long_ones_stay_whole(station):
    series = station(bridge=1)
    np.testing.assert_allclose(series.values[:, 0], [7.5, 7.4, 7.2, 7.0, 6.8, 6.6])
    assert np.isnan(series.values[[2, 3], 1]).all()  # two in a row
    np.testing.assert_allclose(station(bridge=2).values[2:4, 1], [1013.0 - 0.4 / 3, 1013.0 - 0.8 / 3])


def test_nothing_is_bridged_before_the_first_and_after_the_last_reading(station):
    series = station("time,t\n2024-01-01 00:00,\n2024-01-01 00:10,5\n2024-01-01 00:20,\n", ["t"], bridge=9)
    np.testing.assert_array_equal(series.values[:, 0], [np.nan, 5, np.nan])


def test_other_delimiters_formats_and_a_byte_order_mark_are_read(station):
    text = "\ufeffMESS_DATUM; TT_10\n202405010000; 7.5\n202405010010; 7.4\n"
    series = station(text, ["TT_10"], time="MESS_DATUM", delimiter=";", time_format="%Y%m%d%H%M")
    np.testing.assert_array_equal(series.values[:, 0], [7.5, 7.4])


def test_times_with_a_zone_become_utc(station):
    series = station("time,t\n2024-10-27T02:50+02:00,1\n2024-10-27T02:00+01:00,2\n", ["t"])  # the clock goes back
    assert series.times[0] == np.datetime64("2024-10-27T00:50")
    assert len(series.times) == 2


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (("pressure", "druck"), {}, "station.csv has no column 'pressure'; it has time, temperature, station, druck."),
        (("time,", "when,"), {}, "station.csv has no column 'time'; it has when, temperature, station, pressure."),
        (("station,", "temperature,"), {}, "station.csv has 2 columns named 'temperature'."),
        ((",", ";"), {}, "station.csv seems to separate its columns by ';', not by ',': pass delimiter=';'."),
        ((",", "\t"), {}, r"station.csv seems to separate its columns by '\t', not by ',': pass delimiter='\t'."),
        (("", ""), {"delimiter": ";"}, "station.csv seems to separate its columns by ',', not by ';': pass delimiter=','."),
        (("00:40", "00:20"), {}, "station.csv, line 5: the time 2024-05-01 00:20:00 comes after 2024-05-01 00:30:00, so the file is not in order of time."),
        (("00:40", "00:30"), {}, "station.csv, line 5: the time 2024-05-01 00:30:00 stands there twice."),
        (("00:40", "00:37"), {}, "station.csv, line 5: the time 2024-05-01 00:37:00 does not lie a multiple of 10 minutes after the first, 2024-05-01 00:00:00."),
        (("7.4", "warm"), {}, "station.csv, line 3: 'warm' in column 'temperature' is not a number."),
        (("7.4", '"7,4"'), {}, "station.csv, line 3: '7,4' in column 'temperature' is not a number (a decimal comma? this loader reads decimal points)."),
        (("7.4", "inf"), {}, "station.csv, line 3: 'inf' in column 'temperature' is not a number."),
        (("7.4,", "7,4,"), {}, "station.csv, line 3: 5 cells where the header has 4 columns."),
        (("2024-05-01 00:10", "1.5.2024 0:10"), {}, "station.csv, line 3: '1.5.2024 0:10' is not a time in ISO format, such as 2024-05-01 13:50."),
        (("", ""), {"minutes": 0}, "minutes must be positive and bridge not negative; they are 0 and 0."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(station, change, options, says):
    with pytest.raises(weather.StationFileError) as error:
        station(FILE.replace(*change) if change[0] else FILE, **options)
    assert str(error.value) == says


def test_files_without_readings_say_so(station):
    with pytest.raises(weather.StationFileError, match=r"^station.csv has a header but no readings\.$"):
        station("time,temperature,pressure\n\n")
    with pytest.raises(weather.StationFileError, match=r"^station.csv has no column 'time'; it has an empty header\.$"):
        station("")


def test_another_encoding_is_named(tmp_path):
    path = tmp_path / "station.csv"
    path.write_text("time,t in °C\n2024-05-01 00:00,1\n", encoding="latin-1")
    with pytest.raises(weather.StationFileError, match="is not written in utf-8-sig: name its encoding"):
        weather.read_station(path, "t in °C")
    assert weather.read_station(path, "t in °C", encoding="latin-1").values[0, 0] == 1
