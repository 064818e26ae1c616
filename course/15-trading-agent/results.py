"""What unit 15 measures, as it came out: the results of the larger run, and the test for a profit beyond chance.

`results.json` is written by `benchmarks/trading_agent.py`, and by nothing else. It is never edited by hand.
"""

import json
from pathlib import Path

import numpy as np

METHODS = ("UBAH", "UCRP", "EG", "PAMR", "DQN, greedy", "DQN, fixed", "DQN, state-wise")


def load_results(path=None):
    """The contents of results.json: `course` (fee -> method -> list over seeds), `controls`, `settings`."""
    return json.loads(Path(path or Path(__file__).with_name("results.json")).read_text())


def beyond_chance(profits, level=3.0):
    """Whether the mean of independent profits is further above 0 than chance explains, and the number t itself.

    profits  (n,)  one for each independent market, n at least 5
    level          the mean in standard errors from which on chance is ruled out; 3 is passed by chance about once in 700
                   times, if n is large

    Returns (bool, t). For a market without any expected profit, True means that the agent looks into the future, that the
    accounting creates money, or that something extremely unlikely has happened. Raises ValueError where n < 5.
    """
    profits = np.asarray(profits, dtype=np.float64)
    if profits.size < 5:
        raise ValueError(f"{profits.size} profits are too few to tell chance from anything; take 5 or more")
    error = profits.std(ddof=1) / np.sqrt(profits.size)
    t = float(profits.mean() / error) if error > 0 else 0.0
    return t > level, t


def over_same_share(runs, held):
    """Profits less those of buy and hold with the same part of the value invested, and the rest left in base currency.

    runs  list over seeds of dicts with profit and invested (the mean over the period)
    held  the same of UBAH
    Returns (seeds,). An agent that only keeps some money out of the market has 0 here, whether prices rise or fall.
    """
    return np.array([run["profit"] - run["invested"] * h["profit"] for run, h in zip(runs, held, strict=True)])
