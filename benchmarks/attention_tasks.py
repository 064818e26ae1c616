"""What small Transformers and LSTMs of like size learn on the tasks of unit 16. Run from the root.

    python benchmarks/attention_tasks.py [part ...]

trains with the solution of unit 16, each setting with three seeds, and writes the numbers and the maps into
`course/16-attention-and-transformers/results.json`, which the lesson reads. Parts: copying, sorting, sentences, addition, lstm, cache;
without names all, about a quarter of an hour on one core. What the file holds of other parts stays.

The LSTMs are torch's, with one linear layer on top and the same batches, optimiser and number of updates, or more where the name says so.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import json
import sys
import time
from functools import partial

import numpy as np

from byhand.course import find_root, find_units
from byhand.teaching.misconceptions import Answers, load_variants
from byhand.teaching.notebooks import read_source

SEEDS = (0, 1, 2)
[UNIT] = find_units(find_root(), ["16-attention-and-transformers"])
FILE = UNIT.course / "results.json"


def solution(variant=None):
    """What the unit's solution defines; `variant` names a listed mistake of gpt that is put in its place."""
    answers = Answers(read_source(UNIT.exercises).notebook, UNIT.course)
    chosen = [v for v in load_variants(UNIT).of("gpt").misconceptions if v.id == variant]
    return answers.function("gpt", *chosen).__globals__


OURS = solution()
WITHOUT_MASK = solution("no-mask")
copying, sorting, sentences, first_parameters = (
    OURS[name] for name in ("copying", "sorting", "sentences", "first_parameters")
)


def count(p):
    return int(
        sum(v.size for v in p.values() if not isinstance(v, list))
        + sum(v.size for b in p["blocks"] for v in b.values())
    )


def train(batch, p, A, steps, rate, seed, space=OURS, frozen=lambda out: None):
    """As the exercises' `train`, without its progress bar; `frozen(out)` may set gradients to 0. Returns the curve and the seconds."""
    rng, memory, curve, start = np.random.default_rng(100 + seed), {}, [], time.process_time()
    for update in range(steps):
        ids, targets, keep = batch(rng, 32)
        out = space["gpt"](ids, targets, keep, p, A)
        right = out["logits"].argmax(axis=-1) == targets
        curve.append([float(out["J"]), float(right[keep].mean())])
        frozen(out)
        space["adam"](p, out, memory, rate * min((update + 1) / 50, 1 - update / steps))
    return np.array(curve), time.process_time() - start


def scores(batch, p, A, space=OURS, N=500):
    """The shares of whole sequences and of single tokens that are right, on fresh sequences."""
    ids, targets, keep = batch(np.random.default_rng(999), N)
    right = space["gpt"](ids, targets, keep, p, A)["logits"].argmax(axis=-1) == targets
    return float((right | ~keep).all(axis=1).mean()), float(right[keep].mean())


def maps(ids, p, A, causal=True):
    """The weights of all heads for one sequence: a list of blocks of heads of rows, two decimals."""
    X, T, found = p["E"][ids[None]] + p["Pos"][: len(ids)], len(ids), []
    mask = np.tril(np.ones((T, T), dtype=bool)) if causal else None
    for b in p["blocks"]:
        run = OURS["block"](X, b, A, mask)
        X = run["Y"]
        found.append(np.round(run["att"]["P"][0], 2).tolist())
    return found


def shown(batches, p, A):
    """A fresh sequence of each kind of batch with its targets, and the weights on it."""
    found = []
    for seed, batch in enumerate(batches, 5):
        ids, targets, _ = batch(np.random.default_rng(seed), 1)
        found.append(dict(ids=ids[0].tolist(), targets=targets[0].tolist(), maps=maps(ids[0], p, A)))
    return found


def smooth(curve):
    """Accuracy in steps of ten updates."""
    return np.round(curve[:, 1].reshape(-1, 10).mean(axis=1), 3).tolist()


def of_copying():
    found = {}
    for layers in (1, 2):
        rows = []
        for seed in SEEDS:
            p = first_parameters(12, 20, seed, layers)
            curve, seconds = train(copying, p, 2, 800, 5e-3, seed)
            whole, tokens = scores(copying, p, 2)
            _, beyond = scores(partial(copying, periods=(8, 9)), p, 2)
            rows.append(
                dict(
                    whole=whole, tokens=tokens, beyond=beyond, seconds=seconds, parameters=count(p), curve=smooth(curve)
                )
            )
            if seed == 0:
                found[f"maps {layers}"] = shown([partial(copying, periods=(period,)) for period in (5, 7)], p, 2)
            print("copying", layers, seed, rows[-1]["whole"], rows[-1]["tokens"], beyond, round(seconds, 1), flush=True)
        found[f"layers {layers}"] = rows
    return found


def of_sorting():
    def none(out):
        pass

    def no_positions(out):
        out["dPos"][:] = 0

    def no_mlp(out):
        for grads in out["blocks"]:
            grads["dW2"][:], grads["dc2"][:] = 0, 0

    found = {}
    for name, layers, frozen in (
        ("two layers", 2, none),
        ("one layer", 1, none),
        ("no positions", 2, no_positions),
        ("no feed-forward", 2, no_mlp),
    ):
        rows = []
        for seed in SEEDS:
            p = first_parameters(11, 16, seed, layers)
            if frozen is no_positions:
                p["Pos"][:] = 0
            if frozen is no_mlp:
                for b in p["blocks"]:
                    b["W2"][:] = 0
            _, seconds = train(sorting, p, 2, 400, 4e-3, seed, frozen=frozen)
            whole, tokens = scores(sorting, p, 2)
            rows.append(dict(whole=whole, tokens=tokens, seconds=seconds, parameters=count(p)))
            if seed == 0 and name == "two layers":
                found["maps"] = shown([sorting, sorting], p, 2)
            print("sorting", name, seed, whole, tokens, round(seconds, 1), flush=True)
        found[name] = rows
    return found


def answer(ids, p, space, place):
    """The most probable token at one place, for each sequence."""
    return space["gpt"](ids, ids, np.ones(ids.shape, bool), p, 2)["logits"][:, place].argmax(axis=-1)


def of_sentences():
    """With the causal mask the answer is read at the question mark; without a mask at the word *it*."""
    found, words = {}, OURS["WORDS"]
    for name, space, at_it in (("causal, read at ?", OURS, False), ("no mask, read at it", WITHOUT_MASK, True)):
        rows, shown = [], None
        for seed in SEEDS:
            p = first_parameters(len(words), 13, seed, 2)
            batch = partial(sentences, at_it=at_it)
            _, seconds = train(batch, p, 2, 500, 3e-3, seed, space)
            ids, targets, keep = batch(np.random.default_rng(999), 400, held_out=True)
            other, other_targets, _ = batch(np.random.default_rng(999), 400, held_out=True, turned=True)
            place = int(np.argmax(keep[0]))
            right = answer(ids, p, space, place) == targets[:, place]
            moved = answer(other, p, space, place) == other_targets[:, place]
            looks = np.zeros((2, 3))
            for row, target in zip(ids[:200], targets[:200, place], strict=True):
                P = np.array(maps(row, p, 2, not at_it)[-1])[:, place]
                one, two = (1, 6)
                noun, rest = (one, two) if row[one] == target else (two, one)
                looks += P[:, [noun, rest, 11]] / 200
            rows.append(dict(right=float(right.mean()), moved=float((right & moved).sum() / right.sum()), looks=np.round(looks, 2).tolist(),
                             seconds=seconds, parameters=count(p)))  # fmt: skip
            if seed == 0:
                pair = [
                    [words.index(w) for w in f"the dog did not see the car because it was too {adjective} ?".split()]
                    for adjective in ("tired", "rusty")
                ]
                shown = [
                    dict(
                        ids=row,
                        maps=maps(np.array(row), p, 2, not at_it),
                        answer=words[answer(np.array([row]), p, space, place)[0]],
                    )
                    for row in pair
                ]
            print(
                "sentences",
                name,
                seed,
                rows[-1]["right"],
                rows[-1]["moved"],
                looks.round(2).tolist(),
                round(seconds, 1),
                flush=True,
            )
        found[name] = dict(rows=rows, shown=shown, words=words)
    return found


PAIRS = np.random.default_rng(7).permutation(10_000)


def addition(rng, N, share=0.5, fresh=False):
    """a + b = c with two digits each, c written backwards: tokens 0 to 9, 10 for +, 11 for =. Pairs are trained or fresh, never both."""
    cut = int(share * len(PAIRS))
    a, b = np.divmod(rng.choice(PAIRS[cut:] if fresh else PAIRS[:cut], size=N), 100)

    def digits(n, k):
        """From the last to the first."""
        return np.stack([n // 10**i % 10 for i in range(k)], axis=1)

    def sign(s):
        return np.full((N, 1), s)

    line = np.concatenate([digits(a, 2)[:, ::-1], sign(10), digits(b, 2)[:, ::-1], sign(11), digits(a + b, 3)], axis=1)
    keep = np.zeros((N, line.shape[1] - 1), dtype=bool)
    keep[:, 5:] = True
    return line[:, :-1], line[:, 1:], keep


def of_addition():
    found, rows = {}, []
    for seed in SEEDS:
        p = first_parameters(12, 8, seed, 2, D=48, F=96)
        _, seconds = train(addition, p, 3, 1500, 5e-3, seed)
        whole, _ = scores(partial(addition, fresh=True), p, 3, N=2000)
        rows.append(dict(whole=whole, seconds=seconds, parameters=count(p)))
        if seed == 0:
            found["maps"] = shown([partial(addition, fresh=True)] * 2, p, 3)
        print("addition", seed, whole, round(seconds, 1), flush=True)
    return found | {"two layers": rows}


def of_lstm():
    import torch

    torch.set_num_threads(1)
    found = {}
    for name, task, V, H, updates, rate, more in (
        ("copying, H = 48", copying, 12, 48, 800, 5e-3, partial(copying, periods=(8, 9))), ("copying, H = 48, 3000 updates", copying, 12, 48, 3000, 5e-3, partial(copying, periods=(8, 9))),
        ("sorting, H = 48", sorting, 11, 48, 400, 4e-3, None), ("sorting, H = 48, 2000 updates", sorting, 11, 48, 2000, 4e-3, None),
        ("addition, H = 64", addition, 12, 64, 2500, 5e-3, partial(addition, fresh=True)),
    ):  # fmt: skip
        rows = []
        for seed in SEEDS:
            torch.manual_seed(seed)
            table, lstm, head = torch.nn.Embedding(V, H), torch.nn.LSTM(H, H, batch_first=True), torch.nn.Linear(H, V)
            parts = torch.nn.ModuleList([table, lstm, head])
            optimiser = torch.optim.Adam(parts.parameters(), lr=rate, betas=(0.9, 0.99))
            rng, start = np.random.default_rng(100 + seed), time.process_time()
            for update in range(updates):
                for group in optimiser.param_groups:
                    group["lr"] = rate * min((update + 1) / 50, 1 - update / updates)
                ids, targets, keep = map(torch.tensor, task(rng, 32))
                loss = torch.nn.functional.cross_entropy(head(lstm(table(ids))[0])[keep], targets[keep])
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
                optimiser.step()
            seconds = time.process_time() - start

            def tried(batch):
                ids, targets, keep = batch(np.random.default_rng(999), 500)
                with torch.no_grad():
                    right = head(lstm(table(torch.tensor(ids)))[0]).argmax(dim=-1).numpy() == targets
                return float((right | ~keep).all(axis=1).mean()), float(right[keep].mean())

            whole, tokens = tried(task)
            row = dict(
                whole=whole, tokens=tokens, seconds=seconds, parameters=sum(q.numel() for q in parts.parameters())
            )
            if more:
                row |= dict(zip(("beyond whole", "beyond"), tried(more), strict=True))
            rows.append(row)
            print("lstm", name, seed, row, flush=True)
        found[name] = rows
    return found


def of_cache():
    """Milliseconds for T tokens, one sequence, with the cache and with a full pass for each token; the smallest of three runs."""
    found = []
    for T in (32, 64, 128, 256):
        p = first_parameters(20, T, 0, 2, D=64, F=128)
        ids = np.random.default_rng(0).integers(20, size=(1, T))
        times = {"with": [], "without": []}
        for _ in range(3):
            start, cache, last = time.process_time(), OURS["empty_cache"](1, p, 4), None
            for t in range(T):
                last, cache = OURS["step"](ids[:, t], t, cache, p, 4)
            times["with"].append(time.process_time() - start)
            start = time.process_time()
            for t in range(T):
                full = full_pass(ids[:, : t + 1], p, 4)
            times["without"].append(time.process_time() - start)
        gap = float(np.abs(full[:, -1] - last).max())
        found.append(dict(T=T, **{k: round(1000 * min(v), 1) for k, v in times.items()}, gap=gap))
        print("cache", found[-1], flush=True)
    return found


def full_pass(ids, p, A):
    X, T = p["E"][ids] + p["Pos"][: ids.shape[1]], ids.shape[1]
    for b in p["blocks"]:
        X = OURS["block"](X, b, A, np.tril(np.ones((T, T), dtype=bool)))["Y"]
    return OURS["layer_norm"](X, p["gamma"], p["beta"])[0] @ p["E"].T


PARTS = dict(
    copying=of_copying, sorting=of_sorting, sentences=of_sentences, addition=of_addition, lstm=of_lstm, cache=of_cache
)


def rounded(thing):
    if isinstance(thing, float):
        return float(f"{thing:.4g}")
    if isinstance(thing, dict):
        return {key: rounded(value) for key, value in thing.items()}
    return [rounded(value) for value in thing] if isinstance(thing, list) else thing


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        results = json.loads(FILE.read_text()) if FILE.exists() else {}
        results[part] = rounded(PARTS[part]())
        lines = ",\n".join(
            f" {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in results.items()
        )
        FILE.write_text("{\n" + lines + "\n}\n")
