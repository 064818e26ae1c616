"""The drawings of lesson 15: the market, a history block, one day of trading, the temperature, the results."""

import time
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from market import FIELDS
from results import METHODS

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

ASSETS = ("input", "hidden", "output", "gradient")


def colour(role):
    return PALETTE[role][0]


# The market --------------------------------------------------------------------------------------


def plot_market(table, periods):
    """Closing prices on a logarithmic axis; `periods` maps a name to (first day, day after the last)."""
    fig, ax = plt.subplots(figsize=(6.6, 3.4))
    for i, name in enumerate(table.names):
        ax.plot(table.close[:, i], color=colour(ASSETS[i % 4]), lw=1.2, ls=("-", "--", "-.", ":")[i % 4], label=name)
    top = table.close.max() * 1.6
    for k, (name, (start, stop)) in enumerate(periods.items()):
        if k:
            ax.axvline(start, color=colour("muted"), lw=1)
        ax.text((start + stop) / 2, top, name, ha="center", va="top", color=colour("ink"))
    ax.set(yscale="log", xlabel="day", ylabel="closing price", xlim=(0, len(table.close)), ylim=(None, top * 1.05))
    ax.legend(ncols=2, loc=(0.02, 0.68))
    return fig


def plot_block(phi, asset=0):
    """One asset of a history block (w, m, 9): nine rows of shades, the newest day on the right."""
    fig, ax = plt.subplots(figsize=(6.6, 2.9))
    image = ax.imshow(phi[:, asset].T, aspect="auto", cmap="Greys", vmin=0, vmax=1)
    ax.set_yticks(range(9), [name.replace("_", " ") for name in FIELDS])
    w = len(phi)
    ax.set_xticks([0, w // 2, w - 1], [f"{w - 1} days ago", f"{w - 1 - w // 2} days ago", "today"])
    ax.spines[:].set_visible(False)
    fig.colorbar(image, ax=ax, shrink=0.9)
    return fig


# One day -----------------------------------------------------------------------------------------


def _trim(x, digits=2):
    return f"{x:.{digits}f}".replace("-", "−")


def day_stepper(day):
    """One day of trading with its numbers; `day` holds what the lesson computed by hand."""
    Q, actions = day["Q"], day["actions"]
    d = Drawing(640, 400)
    d.node("phi", 56, 126, "φ", "input", "box", (92, 60))
    for k, name in enumerate(actions):
        # A space that does not break, so that both names of assets are in italics.
        d.node(f"q{k}", 214, 30 + 48 * k, name.replace(" ", "\u00a0"), "hidden", "box", (104, 40))
    d.arrow("phi", "q0", role="input")
    for k in range(1, len(actions)):
        d.arrow("phi", f"q{k}", role="input")
    d.node("act", 370, 54, "a", "output", "box", (100, 50))
    d.node("sigma", 370, 186, "σ", "output", "box", (100, 50))
    d.arrow(f"q{day['a']}", "act")
    for k in range(len(actions)):
        d.arrow(f"q{k}", "sigma", dashed=True)
    names = ("cash", "A", "B")
    for row, (tag, x) in enumerate((("before", 86), ("after", 292), ("next", 498))):
        for i, name in enumerate(names):
            d.node(f"{tag}{i}", x + 62 * (i - 1) + 10, 316, name, "parameter" if row < 2 else "input", "box", (60, 56))
        d.text(f"t{tag}", x + 10, 266, {"before": "before", "after": "after the order", "next": "next close"}[tag])
    d.text("vbefore", 96, 376, f"W = {day['W']:.0f}")
    d.text("vafter", 302, 376, f"W′ = {day['W_after']:.2f}")
    d.text("vnext", 508, 376, f"W = {day['W_next']:.2f}")
    d.node("fee", 480, 54, "fee", "loss", "box", (80, 50))
    d.node("hold", 480, 186, "if held", "muted", "box", (80, 50))
    d.node("r", 586, 120, "r", "loss", "box", (84, 56))
    d.arrow("act", "fee", role="loss")
    d.arrow("hold", "r")

    groups = [
        ["phi"], [f"q{k}" for k in range(len(actions))], ["act"], ["sigma"],
        ["before0", "before1", "before2"], ["after0", "after1", "after2"], ["fee"], ["next0", "next1", "next2"], ["hold"], ["r"],
    ]  # fmt: skip
    texts = {4: ["tbefore", "vbefore"], 5: ["tafter", "vafter"], 7: ["tnext", "vnext"]}
    values = {"phi": "(30, 2, 9)", "act": f"{day['a']}: {actions[day['a']]}", "sigma": _trim(day["sigma"], 3)}
    values |= {f"q{k}": _trim(q) for k, q in enumerate(Q)}
    for tag in ("before", "after", "next"):
        values |= {f"{tag}{i}": f"{day[tag][i]:.1f}" for i in range(3)}
    values |= {"fee": _trim(day["fee_paid"]), "hold": _trim(day["W_hold"]), "r": _trim(day["r"], 3)}
    p, q = day["p"], day["p_next"]
    steps = [
        (r"\inp{\phi_t} \in [0, 1]^{w \times m \times 9}", "The agent sees the last 30 candles of both assets, each property scaled within this window. Today's close is the newest number in it; nothing later is.", 0),
        (r"\hid{Q(\phi_t, \cdot)} \in \mathbb{R}^{2m+1}", "The network gives a value to each of the five actions: hold, buy A, buy B, sell A, sell B.", 1),
        (r"\out{a_t} = \mathrm{argmax}_a\, Q(\phi_t, a) = " + f"{day['a']}", "The largest value belongs to action 1, buy A. (While it learns, the behaviour policy takes a random action now and then.)", 2),
        (rf"\out{{\sigma}} = \frac{{e^{{{Q[day['a']]}}}}}{{\sum_a e^{{Q(\phi_t, a)}}}} = \frac{{{np.exp(Q[day['a']]):.3f}}}{{{np.exp(Q).sum():.3f}}} = {day['sigma']:.3f}", "How much? The softmax of the values, taken at the chosen action. So about half of the base currency is to be spent.", 3),
        (rf"W_t = \boldsymbol{{p}}_t \cdot \boldsymbol{{w}}_t = {day['w'][0]:.0f} + {day['w'][1]:.0f} \cdot {p[1]:.0f} + {day['w'][2]:.0f} \cdot {p[2]:.0f} = {day['W']:.0f}", "What there is before the order, in base currency. The boxes hold the worth of each part, so that they add up to W.", 4),
        ([rf"w_0' &= {day['w'][0]:.0f} - {day['sigma']:.3f} \cdot {day['w'][0]:.0f} = {day['w_after'][0]:.2f}", rf"w_A' &= {day['w'][1]:.0f} + \frac{{0.99 \cdot {day['spent']:.2f}}}{{{p[1]:.0f}}} = {day['w_after'][1]:.4f}"], "The order is carried out at today's close. The fee of 1 percent is kept from what is spent, so a little less of A arrives.", 5),
        (rf"\loss{{W_t - W_t'}} = f \cdot {day['spent']:.2f} = {day['fee_paid']:.2f}", "What the order has cost, and all that an order can change in this moment: the worth before and after differ by the fee.", 6),
        (rf"\inp{{\boldsymbol{{p}}_{{t+1}}}} \cdot \boldsymbol{{w}}' = {day['w_after'][0]:.2f} + {day['w_after'][1]:.4f} \cdot {q[1]:.0f} + {day['w_after'][2]:.0f} \cdot {q[2]:.0f} = {day['W_next']:.2f}", "The night passes. A has risen from 100 to 103, B has fallen from 50 to 49. The amounts are the same; what they are worth has drifted.", 7),
        (rf"\boldsymbol{{p}}_{{t+1}} \cdot \boldsymbol{{w}} = {day['w'][0]:.0f} + {day['w'][1]:.0f} \cdot {q[1]:.0f} + {day['w'][2]:.0f} \cdot {q[2]:.0f} = {day['W_hold']:.2f}", f"And if the agent had held? The value would have changed as well, by {day['W_hold'] - day['W']:.2f}. With the order it is {day['W_next'] - day['W']:.2f}; only the difference is the order's doing.", 8),
        (rf"\loss{{r_t}} = \mathrm{{clip}}\left(100 \cdot \frac{{{day['W_next']:.2f} - {day['W_hold']:.2f}}}{{{day['W']:.0f}}}, -1, 1\right) = {day['r']:.3f}", "The reward is what the order has added, in percent of the portfolio here, and no more than 1 whatever happens.", 9),
    ]  # fmt: skip
    frames, shown = [], []
    everything = [name for group in groups for name in group] + [t for ts in texts.values() for t in ts]
    for equation, sentence, k in steps:
        shown += groups[k] + texts.get(k, [])
        hidden = [name for name in everything if name not in shown]
        hidden += [name for name, arrow in d.arrows.items() if arrow.source not in shown or arrow.target not in shown]
        frames.append(
            Frame(
                d.svg(
                    active=groups[k], hidden=hidden, values={n: v for n, v in values.items() if n in shown},
                    describe=f"One day of trading, up to {groups[k][0].rstrip('0123456789')}: " + "; ".join(
                        f"{d.nodes[n].label} {values[n]}" for n in groups[k] if n in values) + ".",
                ),
                equation, sentence,
            )
        )  # fmt: skip
    return Stepper(frames, "One day of trading, with its numbers")


# The temperature ---------------------------------------------------------------------------------


def softmax(q):
    e = np.exp(q - np.max(q))
    return e / e.sum()


def policy(q, tau, statewise=True):
    """The target policy for one state; uniform where the state's temperature is 0."""
    q = np.asarray(q, dtype=float)
    heat = tau * np.abs(q).mean() if statewise else tau
    return softmax(q / heat) if heat > 0 else np.full(len(q), 1 / len(q))


def _bars(columns, q, width=600, height=216):
    """Bars of probabilities, one block of bars for each (name, pi) of `columns`."""
    parts, block = [], width / len(columns)
    for c, (name, pi) in enumerate(columns):
        left = c * block
        parts.append(f'<text class="t" x="{left + block / 2:.0f}" y="16">{escape(name)}</text>')
        step = (block - 40) / len(pi)
        for k, prob in enumerate(pi):
            x, tall = left + 20 + k * step, 120 * prob
            best = "var(--bh-output)" if k == int(np.argmax(q)) and np.ptp(q) > 0 else "var(--bh-hidden)"
            parts.append(
                f'<rect x="{x + 4:.1f}" y="{160 - tall:.1f}" width="{step - 8:.1f}" height="{max(tall, 1):.1f}" fill="{best}"/>'
            )
            parts.append(f'<text class="v" x="{x + step / 2:.1f}" y="{152 - tall:.1f}">{prob:.3f}</text>')
            parts.append(f'<text class="v" x="{x + step / 2:.1f}" y="178">{_trim(q[k])}</text>')
        parts.append(
            f'<line x1="{left + 20:.0f}" x2="{left + block - 20:.0f}" y1="161" y2="161" stroke="var(--bh-muted)"/>'
        )
        parts.append(f'<text class="t" x="{left + block / 2:.0f}" y="206">Q values</text>')
    label = "; ".join(f"{name}: " + ", ".join(f"{p:.3f}" for p in pi) for name, pi in columns)
    return Svg(
        f'<svg role="img" aria-label="Probabilities of {len(q)} actions with Q values {", ".join(map(_trim, q))}. {escape(label)}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


def temperature_stepper(q=(1.0, 2.0, -0.5), tau=0.25):
    """Greedy, fixed and state-wise policy side by side for one state, moved and stretched."""
    q = np.array(q)
    cases = [
        (q, "The values of three actions in one state. Greedy puts everything on the best. The two soft policies give a little to the others; they agree here to within a few percent, because the mean of |Q| is close to 1."),
        (10 * q, "All values times 10. The fixed temperature is now far too cold: the soft policy has become greedy. The state-wise one has not changed at all, since its temperature grew along. This is what the article's rule is for."),
        (q / 10, "All values divided by 10. The fixed temperature is too hot, and the best action is hardly preferred. The state-wise policy is again the same."),
        (q + 5, "Now 5 is added to all values. The differences, on which a choice between actions should depend, are what they were, and the fixed temperature gives the same policy as at first. The state-wise temperature has grown with the level: the best action gets 0.594 instead of 0.968."),
        (q + 50, "50 is added. The state-wise policy hardly distinguishes the actions: 0.364 for the best. How greedy the target is now depends on how well the market does as a whole."),
        (q - q.mean(), "The opposite: the mean is taken off, so that the values lie around 0. Level alone has made the state-wise policy greedier than at the start."),
        (np.zeros(3), "All values are 0. The state-wise temperature is 0 too, and Q / tau is 0/0. A rule is needed; ours says: uniform. Greedy takes the first of equals. A network whose last layer begins at 0 is in exactly this place."),
    ]  # fmt: skip
    frames = []
    for values, sentence in cases:
        heat = tau * np.abs(values).mean()
        columns = [
            ("greedy", np.eye(3)[np.argmax(values)]), (f"fixed, τ = {tau}", policy(values, tau, False)),
            (f"state-wise, τ = {heat:.3f}", policy(values, tau)),
        ]  # fmt: skip
        mean = f"{np.abs(values).mean():.3f}"
        frames.append(
            Frame(
                _bars(columns, values),
                [rf"\hid{{Q}} &= ({', '.join(f'{v:.2f}' for v in values)})", rf"\tau &= {tau} \cdot \mathrm{{mean}}\,|Q| = {tau} \cdot {mean} = {heat:.3f}"],
                sentence,
            )
        )  # fmt: skip
    return Stepper(frames, "Three target policies for one state")


def plot_shift(q=(1.0, 2.0, -0.5), tau=0.25, scale=1.0, shift=None):
    """Probability of the best action against a constant that is added to all Q values; `shift` marks one place."""
    q = scale * np.asarray(q)
    shifts = np.linspace(-20, 20, 401)
    best = int(np.argmax(q))
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    ax.axhline(1, color=colour("loss"), lw=1.4, ls=":", label="greedy")
    ax.axhline(policy(q, tau, False)[best], color=colour("hidden"), ls="--", label=f"fixed, τ = {tau:g}")
    ax.plot(
        shifts, [policy(q + s, tau)[best] for s in shifts], color=colour("output"), label=f"state-wise, τ′ = {tau:g}"
    )
    if shift is not None:
        probability = policy(q + shift, tau)[best]
        ax.plot(shift, probability, "o", color=colour("output"))
        ax.annotate(f" {probability:.3f}", (shift, probability), va="bottom")
    ax.set(xlabel="added to all Q values", ylabel="probability of the best action", ylim=(0, 1.08))
    ax.legend(loc="lower left")
    return fig


def temperature_player():
    """Sliders for the temperature, the size and the level of the values; the figure is computed anew."""
    import ipywidgets as widgets

    def slider(value, low, high, step, label):
        return widgets.FloatSlider(
            value,
            min=low,
            max=high,
            step=step,
            description=label,
            continuous_update=False,
            style={"description_width": "9em"},
        )

    controls = {
        "tau": slider(0.25, 0.05, 2.0, 0.05, "τ and τ′"),
        "scale": slider(1.0, 0.1, 5.0, 0.1, "values times"),
        "shift": slider(0.0, -20.0, 20.0, 0.5, "added to all"),
    }
    return live_figure(lambda tau, scale, shift: plot_shift(tau=tau, scale=scale, shift=shift), controls)


# Measuring ---------------------------------------------------------------------------------------


def plot_drawdown(V):
    """A curve of values with its peaks so far, and the worst fall."""
    peaks = np.maximum.accumulate(V)
    trough = int(np.argmax(1 - V / peaks))
    peak = int(np.argmax(V[: trough + 1]))
    fig, ax = plt.subplots(figsize=(6.4, 2.9))
    ax.plot(V, "o-", color=colour("input"), ms=4, label="value")
    ax.step(range(len(V)), peaks, where="post", color=colour("muted"), ls="--", lw=1.2, label="highest so far")
    ax.annotate(
        "", (trough, V[trough]), (trough, V[peak]), arrowprops={"arrowstyle": "->", "color": colour("loss"), "lw": 2}
    )
    ax.text(trough - 0.12, 1.2, f"{1 - V[trough] / V[peak]:.1%}", color=colour("loss"), ha="right")
    ax.set(xlabel="day", ylabel="value", ylim=(0, None))
    ax.legend(loc="upper left", ncols=2)
    return fig


# Results -----------------------------------------------------------------------------------------


def results_table(found, fee):
    """The rows of the comparison as text: mean and standard deviation over the seeds, and the mean share invested."""
    lines = [f"{'':15} {'profit':>13} {'Sharpe':>15} {'drawdown':>13} {'invested':>8}"]
    for name in METHODS:
        runs, cells = found["course"][str(fee)][name], []
        for key, digits in (("profit", 2), ("sharpe", 3), ("drawdown", 2)):
            values = np.array([run[key] for run in runs])
            cells.append(f"{values.mean():{5 + digits}.{digits}f} ± {values.std(ddof=1):.{digits}f}")
        cells.append(f"{np.mean([run['invested'] for run in runs]):.0%}")
        lines.append(f"{name:15} {cells[0]:>13} {cells[1]:>15} {cells[2]:>13} {cells[3]:>8}")
    return "\n".join(lines)


def plot_results(found):
    """Profit in the test period of every method and seed, without and with fees."""
    fig, axes = plt.subplots(1, 2, figsize=(6.8, 3.6), sharey=True, sharex=True)
    for ax, (fee, methods) in zip(axes, found["course"].items(), strict=True):
        for row, name in enumerate(METHODS):
            profits = [run["profit"] for run in methods[name]]
            shade = colour("output") if name.startswith("DQN") else colour("muted")
            for seed, profit in enumerate(profits):
                ax.plot(profit, row + 0.11 * (seed - 2), "os^Dv"[seed % 5], color=shade, ms=4.5, mfc="none")
            ax.plot([np.mean(profits)] * 2, [row - 0.35, row + 0.35], color=shade, lw=2)
        ax.axvline(0, color="0.6", lw=1)
        ax.set(title=f"fee {float(fee):.1%}", xlabel="profit in 300 days")
    axes[0].set_yticks(range(len(METHODS)), METHODS)
    axes[0].invert_yaxis()
    return fig


CONTROLS = {
    "noise": "white noise", "shuffled": "time shuffled", "planted": "planted signal",
    "planted, change of value": "planted signal,\nother reward",
}  # fmt: skip


def plot_controls(found):
    """How much more the agent made than buy and hold, as the logarithm of the ratio of the final values."""
    fig, ax = plt.subplots(figsize=(6.6, 3.0))
    for row, key in enumerate(CONTROLS):
        agent = np.array([run["profit"] for run in found["controls"][key]])
        held = np.array([run["profit"] for run in found["controls"][f"{key}: UBAH"]])
        lead = np.log((1 + agent) / (1 + held))
        for seed, x in enumerate(lead):
            ax.plot(x, row + 0.1 * (seed - 2), "os^Dv"[seed % 5], color=colour("output"), ms=5, mfc="none")
        ax.plot([lead.mean()] * 2, [row - 0.33, row + 0.33], color=colour("output"), lw=2)
    ax.axvline(0, color="0.6", lw=1)
    ax.set_yticks(range(len(CONTROLS)), CONTROLS.values())
    ax.invert_yaxis()
    ax.set(xlabel="log of the agent's final value over that of buy and hold")
    return fig


# Watching the training ---------------------------------------------------------------------------


class LivePlot:
    """Give it to Agent.train(show=...): a progress bar, and a figure that is drawn anew about once a second."""

    def __init__(self, title="", seconds=1.0):
        from tqdm.auto import tqdm

        self.title, self.seconds, self.last, self.handle = title, seconds, 0.0, None
        self.bar = tqdm(desc=title, unit=" steps")

    def __call__(self, agent):
        self.bar.total = agent.steps
        self.bar.update(agent.done - self.bar.n)
        over = agent.done >= agent.steps
        if time.monotonic() - self.last < self.seconds and not over:
            return
        from IPython.display import display

        fig = self.figure(agent)
        if self.handle is None:
            self.handle = display(fig, display_id=True)
        elif self.handle is not None:
            self.handle.update(fig)
        plt.close(fig)
        self.last = time.monotonic()
        if over:
            self.bar.close()

    def figure(self, agent):
        log, window = np.array(agent.log), 100
        fig, axes = plt.subplots(1, 3, figsize=(8.4, 2.6))
        reward = np.convolve(log[:, 0], np.ones(window) / window, "valid") if len(log) >= window else log[:, 0]
        axes[0].plot(np.arange(len(reward)) + len(log) - len(reward), reward, color=colour("output"), lw=1)
        axes[0].axhline(0, color="0.7", lw=1)
        axes[0].set(title="reward, mean of 100", xlabel="step")
        learned = np.flatnonzero(~np.isnan(log[:, 1]))
        axes[1].plot(learned, log[learned, 1], color=colour("hidden"), lw=1)
        axes[1].set(title="largest Q, mean of batch", xlabel="step")
        if agent.scores:
            axes[2].plot(*np.array(agent.scores).T, "o-", color=colour("input"))
        axes[2].axhline(0, color="0.7", lw=1)
        axes[2].set(title="return on validation", xlabel="step", xlim=(0, agent.steps))
        return fig
