"""The larger run of unit 15: every method on five markets, with and without fees, and the controls. From the project's root:

    python benchmarks/trading_agent.py

It takes about a quarter of an hour on one core, and writes course/15-trading-agent/results.json, which the lesson
shows as it came out. What is already in the file for the same settings is not run again; delete the file to begin anew.
Each seed is another market and another first network. The benchmarks are computed with the functions of the solution.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import json
import sys

import numpy as np
from tqdm import tqdm

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers
from byhand.teaching.notebooks import read_source

[UNIT] = find_units(find_root(), ["15-trading-agent"])
sys.path.insert(0, str(UNIT.course))

from agent import Agent
from market import course_market, noise_market, planted_market, shuffled_in_parts
from trading_env import TradingEnv, blocks_of

SEEDS, W, FRESH = 5, 30, 10
PERIODS = dict(train=(W - 1, 900), valid=(899, 1200), test=(1199, 1500))  # first day of an order, day after the last
FEES = (0.0, 0.001)
TARGETS = {"DQN, greedy": "greedy", "DQN, fixed": "fixed", "DQN, state-wise": "statewise"}
SETTINGS = dict(seeds=SEEDS, w=W, periods=PERIODS, tau=0.25, gamma=0.9, scale=1000, eta=0.05, eps=0.5, version=1)


def environments(table, fee, **more):
    blocks = blocks_of(table.values, W)
    return {k: TradingEnv(table.close, blocks, fee, start, stop, **more) for k, (start, stop) in PERIODS.items()}


def trained(table, target, fee, seed, **more):
    env = environments(table, fee, **more)
    agent = Agent(env["train"], target, tau=0.25, valid=env["valid"], seed=seed).train()
    return agent, env


def numbers(space, V, invested=1.0):
    profit, sharpe, drawdown = (float(x) for x in space["metrics"](V))
    return dict(
        profit=round(profit, 5),
        sharpe=round(sharpe, 5),
        drawdown=round(drawdown, 5),
        invested=round(float(invested), 4),
    )


def benchmarks(space, table, fee):
    start, stop = PERIODS["test"]
    x = table.close[start + 1 : stop] / table.close[start : stop - 1]
    plans = {"UCRP": np.full_like(x, 1 / x.shape[1]), "EG": space["eg"](x, 0.05), "PAMR": space["pamr"](x, 0.5)}
    curves = {"UBAH": space["ubah"](x, fee)} | {k: space["follow"](b, x, fee) for k, b in plans.items()}
    return {k: numbers(space, V) for k, V in curves.items()}


def agent_numbers(space, agent, env):
    V, invested = agent.run(env, best=True)
    return numbers(space, V, invested.mean())


def main():
    space = Answers(read_source(UNIT.exercises).notebook, UNIT.course).function("follow").__globals__
    path = UNIT.course / "results.json"
    settings = json.loads(json.dumps(SETTINGS))
    found = json.loads(path.read_text()) if path.exists() else {}
    if found.get("settings") != settings:
        found = dict(settings=settings, course={}, controls={})

    jobs = []
    for seed in range(SEEDS):
        for fee in FEES:
            methods = found["course"].setdefault(str(fee), {})
            jobs.append(
                (methods, "benchmarks", seed, lambda s=seed, f=fee: benchmarks(space, course_market(seed=s), f))
            )
            for label, target in TARGETS.items():
                jobs.append(
                    (
                        methods,
                        label,
                        seed,
                        lambda s=seed, f=fee, t=target: {label_of(t): on_test(space, course_market(seed=s), t, f, s)},
                    )
                )
        controls = found["controls"]
        jobs.append((controls, "noise", seed, lambda s=seed: noise_control(space, s)))
        jobs.append(
            (
                controls,
                "shuffled",
                seed,
                lambda s=seed: control(space, "shuffled", shuffled_in_parts(course_market(seed=s), s), s),
            )
        )
        jobs.append((controls, "planted", seed, lambda s=seed: control(space, "planted", planted_market(seed=s), s)))
        jobs.append((controls, "planted, change of value", seed, lambda s=seed: control(
            space, "planted, change of value", planted_market(seed=s), s, against_holding=False, scale=50.0)))  # fmt: skip
    for where, label, seed, job in tqdm(jobs):
        key = "UBAH" if label == "benchmarks" else label
        if len(where.get(key, [])) > seed:
            continue
        for name, value in job().items():
            where.setdefault(name, []).append(value)
        path.write_text(json.dumps(found, indent=1) + "\n")


def label_of(target):
    return next(label for label, t in TARGETS.items() if t == target)


def on_test(space, table, target, fee, seed, **more):
    agent, env = trained(table, target, fee, seed, **more)
    return agent_numbers(space, agent, env["test"])


def control(space, name, table, seed, **more):
    return {
        name: on_test(space, table, "statewise", 0.0, seed, **more),
        f"{name}: UBAH": benchmarks(space, table, 0.0)["UBAH"],
    }


def noise_control(space, seed):
    """The agent on its own market, and its profits on fresh noise that it has never seen."""
    table = noise_market(seed=seed)
    agent, env = trained(table, "statewise", 0.0, seed)
    fresh = []
    for k in range(FRESH):
        other = environments(noise_market(seed=1000 + FRESH * seed + k), 0.0)["test"]
        fresh.append(round(float(agent.run(other, best=True)[0][-1] - 1), 5))
    return {"noise": agent_numbers(space, agent, env["test"]), "noise: UBAH": benchmarks(space, table, 0.0)["UBAH"],
            "noise: fresh profits": fresh}  # fmt: skip


if __name__ == "__main__":
    main()
