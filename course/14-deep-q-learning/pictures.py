"""The drawings of lesson 14: the lake's map while it is learned, the parts of a DQN, one update in numbers, and curves."""

import json
from html import escape
from pathlib import Path

import gymnasium
import matplotlib.pyplot as plt
import numpy as np

from byhand.drawing import Drawing, Svg
from byhand.live import live_figure
from byhand.numerals import numeral
from byhand.palette import PALETTE
from byhand.stepper import Frame, Stepper

# The frozen lake -----------------------------------------------------------------------------------

GAMMA = 0.9
CELL, GAP = 68, 46  # pixels: a square of the map, the space between two maps
WAYS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # left, down, right, up, as gymnasium counts them


def lake():
    """gymnasium's frozen lake, 4 by 4; one step in five goes to the left or right of where one meant to go."""
    return gymnasium.make("FrozenLake-v1", is_slippery=True, success_rate=0.8)


def learn(episodes, marks, alpha=None, epsilon=0.3, seed=0):
    """Q-learning on the lake: the table after each of the episodes in `marks`, and how often each square was left.

    alpha is constant, or, where it is None, 1 / visits and at least 0.02.
    """
    env, rng = lake(), np.random.RandomState(seed)
    Q, visits, tables = np.zeros((16, 4)), np.zeros((16, 4)), {}
    s, _ = env.reset(seed=seed)
    for episode in range(episodes + 1):
        if episode in marks:
            tables[episode] = Q.copy(), visits.sum(axis=1)
        over = False
        while not over:
            best = np.flatnonzero(Q[s] == Q[s].max())
            a = rng.randint(4) if rng.uniform() < epsilon else best[rng.randint(len(best))]
            new, r, terminated, truncated, _ = env.step(int(a))
            visits[s, a] += 1
            error = r + GAMMA * Q[new].max() * (not terminated) - Q[s, a]
            Q[s, a] += error * (alpha or max(0.02, 1 / visits[s, a]))
            s, over = new, terminated or truncated
        s, _ = env.reset()
    return tables


def _map(Q, left, top, highest):
    """One map: the best value of each square as a tint and a number, and a triangle for each best action."""
    parts = []
    for s, kind in enumerate("SFFFFHFHFFFHHFFG"):
        x, y = left + CELL * (s % 4), top + CELL * (s // 4)
        cx, cy = x + CELL / 2, y + CELL / 2
        parts.append(
            f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="none" stroke="var(--bh-muted)" stroke-width="1"/>'
        )
        if kind in "HG":
            if kind == "H":
                parts.append(
                    f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="var(--bh-muted)" opacity=".45"/>'
                )
            says = "hole" if kind == "H" else "goal"
            parts.append(f'<text class="t" x="{cx}" y="{cy}">{says}</text>')
            continue
        value = Q[s].max()
        tint = 0.55 * max(0.0, value) / highest
        parts.append(
            f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="var(--bh-output)" opacity="{tint:.3f}"/>'
            f'<text class="t" x="{cx}" y="{cy}">{value:.2f}</text>'
        )
        if kind == "S":
            parts.append(f'<text class="v" x="{x + 18}" y="{y + 11}">start</text>')
        if np.ptp(Q[s]) == 0:
            continue
        for a in np.flatnonzero(Q[s] == value):
            (dx, dy), reach = WAYS[a], CELL / 2 - 5
            tip = (cx + reach * dx, cy + reach * dy)
            base = (cx + (reach - 10) * dx, cy + (reach - 10) * dy)
            corners = [tip, (base[0] + 7 * dy, base[1] + 7 * dx), (base[0] - 7 * dy, base[1] - 7 * dx)]
            points = " ".join(f"{px:.0f},{py:.0f}" for px, py in corners)
            parts.append(f'<polygon points="{points}" fill="var(--bh-ink)"/>')
    return "".join(parts)


def maps(Q, true, describe):
    """The map of a table beside the true one."""
    width, height = 8 * CELL + GAP + 4, 4 * CELL + 32
    right = 4 * CELL + GAP + 2
    highest = true.max()
    titles = (
        f'<text class="l" x="{2 + 2 * CELL}" y="12">Q-learning</text>'
        f'<text class="l" x="{right + 2 * CELL}" y="12">exact</text>'
    )
    return Svg(
        f'<svg class="bh-svg" role="img" aria-label="{escape(describe)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="max-width:{width}px;min-width:{0.7 * width:.0f}px">'
        f"{titles}{_map(Q, 2, 28, highest)}{_map(true, right, 28, highest)}</svg>"
    )


ICE = [s for s, kind in enumerate("SFFFFHFHFFFHHFFG") if kind in "SF"]
SAYS = {
    0: "The table is zero. No action is better than another, and the agent moves at random.",
    91: "Ninety-one walks, and none has reached the goal. A hole pays nothing, so falling in teaches a table of zeros nothing.",
    92: "For the first time the goal was reached. The square from which that happened has learned something, and no other one.",
    160: "Later walks that came to this square carried the news back to its neighbours. Most of the map is still empty.",
    171: "The news has arrived at the start, as a number too small for two decimals. But there is a best action now, and the walks are no longer blind.",
    500: "Along the way that the agent now takes, the values rise fast. The squares off that way lag behind.",
    2000: "Nearly right where the agent goes often. The right half of the top row is not on its way.",
    30_000: "The two maps agree, although Q-learning has never seen the rules. What it has seen are many, many steps.",
}  # fmt: skip


def map_stepper(true, tables):
    """The learned map beside the exact one, after more and more episodes; `tables` as `learn` returns them."""
    frames = []
    for episodes, (Q, visits) in tables.items():
        right = sum(true[s, Q[s].argmax()] >= true[s].max() - 1e-9 and np.ptp(Q[s]) > 0 for s in ICE)
        off = max(abs(true[s].max() - Q[s].max()) for s in ICE)
        values = ", ".join(f"{s + 1}: {Q[s].max():.2f}" for s in ICE)
        frames.append(
            Frame(
                maps(Q, true, f"Best values after {episodes} episodes, by square, counted in rows from the start: {values}. "
                     f"The exact ones: {', '.join(f'{s + 1}: {true[s].max():.2f}' for s in ICE)}."),
                [rf"\text{{largest error of a square: }} {off:.3f}", rf"\text{{best action right in }} {right} \text{{ of }} {len(ICE)} \text{{ squares}}"],
                f"After {episodes:,} episodes and {visits.sum():,.0f} steps. {SAYS[episodes]}",
            )
        )  # fmt: skip
    return Stepper(frames, "A map is learned: best value and best action of each square")


def start_values(settings, episodes=1500):
    """The value of the start square in the table, episode by episode, for pairs of alpha and epsilon."""
    return [
        np.array([Q[0].max() for Q, _ in learn(episodes, range(episodes + 1), alpha, epsilon).values()])
        for alpha, epsilon in settings
    ]


def plot_start(settings, true, episodes=1500):
    """The curves of `start_values` and the exact value."""
    fig, ax = plt.subplots()
    styles = (("loss", "-", 0.7), ("input", "-", 1.8), ("hidden", "--", 1.8))
    for (alpha, epsilon), curve, (role, dashes, width) in zip(
        settings, start_values(settings, episodes), styles, strict=False
    ):
        ax.plot(curve, dashes, color=PALETTE[role][0], lw=width, label=f"α = {alpha:g}, ε = {epsilon:g}")
    ax.axhline(true, color=PALETTE["ink"][0], lw=1, ls=":", label="exact")
    ax.set(xlabel="episode", ylabel="best value of the start square", xlim=(0, episodes), ylim=(0, None))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def start_player(true):
    """Sliders for step size and exploration; Q-learning runs anew for each setting."""
    import ipywidgets as widgets

    alpha = widgets.FloatSlider(0.1, min=0.02, max=1.0, step=0.02, description="step size α", continuous_update=False)
    epsilon = widgets.FloatSlider(
        0.3, min=0.0, max=1.0, step=0.05, description="exploration ε", continuous_update=False
    )
    return live_figure(
        lambda alpha, epsilon: plot_start([(alpha, epsilon)], true, 600), {"alpha": alpha, "epsilon": epsilon}
    )


# The parts of a DQN --------------------------------------------------------------------------------


def workflow():
    """Who gives what to whom."""
    d = Drawing(760, 350)
    # In labels no-break spaces, so that a is set as a letter of mathematics and not as a word.
    d.node("env", 75, 60, "environment", "input", shape="box", size=(120, 54))
    d.node("policy", 75, 250, "ε-greedy", "output", shape="box", size=(120, 54))
    d.node("buffer", 345, 60, "replay buffer", "muted", shape="box", size=(130, 54))
    d.node("q", 345, 250, "Q-network", "hidden", shape="box", size=(130, 54))
    d.node("target", 640, 60, "target network", "muted", shape="box", size=(140, 54))
    d.node("J", 640, 250, "J", "loss", size=60)
    d.arrow("policy", "env", "1\u00a0\u00a0a", label_at=(52, 155))
    d.arrow("env", "buffer", "1\u00a0\u00a0φ,\u00a0a,\u00a0r,\u00a0φ′,\u00a0end", label_at=(208, 42))
    d.arrow("q", "policy", "Q(φ,\u00a0·)", label_at=(208, 232))
    d.arrow("buffer", "q", "2\u00a0\u00a0φ,\u00a0a", label_at=(312, 155))
    d.arrow("buffer", "target", "2\u00a0\u00a0r,\u00a0φ′,\u00a0end", label_at=(490, 42))
    d.arrow("q", "J", "Q(φ,\u00a0a)", label_at=(530, 232))
    d.arrow("target", "J", "3\u00a0\u00a0y", dashed=True, label_at=(668, 140))
    d.arrow("q", "target", "4\u00a0\u00a0copy", label_at=(462, 150))
    d.text("cut", 692, 182, "no gradient")
    d.text("trains", 520, 282, "3  gradient")
    return d.svg(
        gradient=["J", "q", "q->J"],
        describe="The parts of a DQN. The Q-network gives values to the epsilon-greedy policy, which sends an action to the "
        "environment, step 1; the transition goes into the replay buffer. Step 2: a batch from the buffer goes to the Q-network, "
        "its states and actions, and to the target network, its rewards, next states and ends. Step 3: both lead to the loss J, Q of phi and a from "
        "the Q-network and the target y from the target network. A gradient runs back from J to the Q-network alone. Step 4: now and "
        "then the Q-network is copied to the target network.",
    )


# One update ----------------------------------------------------------------------------------------


def update_drawing():
    d = Drawing(720, 510)
    rows = {"": (75, 170), "n": (335, 430)}
    names = {"": ("φ_1", "φ_2", "h_1", "h_2", "Q_0", "Q_1"), "n": ("φ′_1", "φ′_2", "h′_1", "h′_2", "Q⁻_0", "Q⁻_1")}
    for k, (top, bottom) in rows.items():
        for name, label, x, y, role in zip(
            ("x1", "x2", "h1", "h2", "q0", "q1"), names[k], (60, 60, 215, 215, 370, 370), (top, bottom) * 3,
            ("input", "input", "hidden", "hidden", "output", "output"), strict=True,
        ):  # fmt: skip
            d.node(name + k, x, y, label, role, size=64)
        for a, b in (
            ("x1", "h1"),
            ("x1", "h2"),
            ("x2", "h1"),
            ("x2", "h2"),
            ("h1", "q0"),
            ("h1", "q1"),
            ("h2", "q0"),
            ("h2", "q1"),
        ):
            d.arrow(a + k, b + k)
    d.text("online", 215, 22, "Q-network, trained")
    d.text("frozen", 215, 486, "target network, held still")
    d.node("y", 520, 382, "y", "muted", size=66)
    d.node("r", 655, 382, "r", "input", size=56)
    d.node("J", 590, 170, "J", "loss", size=66)
    d.arrow("q1", "J", "a = 1")
    d.arrow("q0n", "y", "")
    d.arrow("q1n", "y", "")
    d.arrow("r", "y", "")
    d.arrow("y", "J", "", dashed=True)
    d.node("cut", 554, 279, "✕", "muted", size=30)  # on the arrow, which it interrupts
    d.text("says", 640, 279, "cut: detached")
    return d


def update_stepper(run):
    """One DQN update in numbers. `run` holds them as the lesson computes them."""
    d, frames, values, gradients = update_drawing(), [], {}, {}
    layer1 = [f"{a}->{b}" for a in ("x1", "x2") for b in ("h1", "h2")]
    online = ["x1", "x2", "h1", "h2", "q0", "q1", *layer1, "h1->q0", "h1->q1", "h2->q0", "h2->q1", "online", "q1->J"]
    cut_hidden, back = ["cut", "says"], set()

    def frame(equation, sentence, active=(), hidden=(), dim=()):
        known = ", ".join(f"{d.nodes[k].label} = {v}" for k, v in values.items())
        flows = ", ".join(f"{d.nodes[k].label if k in d.nodes else k}: {v}" for k, v in gradients.items())
        frames.append(
            Frame(
                d.svg(
                    active=active, gradient=sorted(back), hidden=hidden, dim=dim, values=values, gradients=gradients,
                    describe="Two small networks, two inputs, two hidden units and two values each. The upper one, the Q-network, leads "
                    "from phi to the loss J. The lower one, the target network, leads from phi prime to the target y, and y by a dashed "
                    f"arrow to J. Values: {known or 'none yet'}." + (f" Gradients: {flows}. The dashed arrow carries none." if flows else ""),
                ),
                equation, sentence,
            )
        )  # fmt: skip

    phi, phi_next, h, q, h_next, q_next = (run[k] for k in ("phi", "phi_next", "h", "q", "h_next", "q_next"))
    W1, W2, old = run["W1"], run["W2"], run["W2_old"]
    frame(
        [
            rf"\par{{\boldsymbol W_1}} = {_matrix(W1)} \qquad \par{{\boldsymbol W_2}} = {_matrix(W2)}",
            rf"\par{{\boldsymbol W_1^-}} = \text{{the same}} \qquad \par{{\boldsymbol W_2^-}} = {_matrix(old)}",
        ],
        "Before we start: one transition from the buffer, and two networks of the same shape, without biases. The target network is an older copy; "
        "to keep the numbers few, only its last layer differs.",
        hidden=cut_hidden,
    )
    for i in (0, 1):
        values[f"x{i + 1}"] = numeral(phi[i], "g")
        values[f"h{i + 1}"] = numeral(h[i])
    frame(
        [
            rf"\hid{{h_{i + 1}}} &= \tanh({_n(W1[i, 0])}\cdot {_n(phi[0])} + {_n(W1[i, 1])}\cdot {_n(phi[1])}) = {h[i]:.4f}"
            for i in (0, 1)
        ],
        "The state goes through the Q-network, first to the hidden layer.",
        active=["x1", "x2", "h1", "h2", *layer1], hidden=cut_hidden,
    )  # fmt: skip
    values["q0"], values["q1"] = numeral(q[0]), numeral(q[1])
    frame(
        [rf"\out{{Q(\phi, {i})}} &= {_n(W2[i, 0])}\cdot {_n(h[0], '.4f')} + {_n(W2[i, 1])}\cdot {_n(h[1], '.4f')} = {q[i]:.4f}" for i in (0, 1)],
        "The network gives a value to each action at once. The action taken was 1, so the prediction is $Q(\\phi, 1)$. That action 0 looks better "
        "does not matter: the buffer holds what was done.",
        active=["h1", "h2", "q0", "q1", "h1->q0", "h1->q1", "h2->q0", "h2->q1"], hidden=cut_hidden,
    )  # fmt: skip
    for i in (0, 1):
        values[f"x{i + 1}n"], values[f"h{i + 1}n"] = numeral(phi_next[i], "g"), numeral(h_next[i])
        values[f"q{i}n"] = numeral(q_next[i])
    best = int(q_next.argmax())
    frame(
        [rf"\out{{Q^-(\phi', {i})}} &= {_n(old[i, 0])}\cdot {_n(h_next[0], '.4f')} + {_n(old[i, 1])}\cdot {_n(h_next[1], '.4f')} = {q_next[i]:.4f}" for i in (0, 1)],
        f"The next state goes through the target network. Its best action is {best}.",
        active=[n + "n" for n in ("x1", "x2", "h1", "h2", "q0", "q1")], hidden=cut_hidden,
    )  # fmt: skip
    values["r"], values["y"] = numeral(run["r"], "g"), numeral(run["y"])
    frame(
        rf"y = r + \gamma\, \max_{{a'}}\; \out{{Q^-(\phi', a')}} = {run['r']:g} + {run['gamma']:g}\cdot {_n(q_next[best], '.4f')} = {run['y']:.4f}",
        "Reward plus discounted best value: the target. Had the episode terminated here, $y$ would be the reward alone.",
        active=["r", "y", f"q{best}n", f"q{best}n->y", "r->y"], hidden=cut_hidden,
    )  # fmt: skip
    values["J"] = numeral(run["J"])
    frame(
        [
            rf"\delta &= \out{{Q(\phi, 1)}} - y = {q[1]:.4f} - {_n(run['y'], '.4f')} = {run['delta']:.4f}",
            rf"\loss{{J}} &= |\delta| - \tfrac12 = {run['J']:.4f} \qquad \text{{since }} |\delta| > 1",
        ],
        "Prediction and target meet in the loss. The prediction is too low by more than 1, so the Huber loss is on its straight part. Now we walk back.",
        active=["q1", "y", "J", "q1->J", "y->J"], hidden=cut_hidden,
    )  # fmt: skip
    back |= {"J", "q1", "q1->J"}
    gradients["q1"], gradients["q0"] = numeral(run["dq"][1], "+.4f"), "0"
    frame(
        rf"\grad{{\frac{{\partial J}}{{\partial Q(\phi, 1)}}}} = \operatorname{{clip}}(\delta, -1, 1) = \grad{{{run['dq'][1]:g}}} \qquad "
        rf"\grad{{\frac{{\partial J}}{{\partial Q(\phi, 0)}}}} = \grad{{0}}",
        "The gradient enters at the value of the action taken. The other action was not tried, nothing is known of it, and its gradient is 0.",
        hidden=cut_hidden,
    )
    lower = [n for n in (*d.nodes, *d.arrows) if n not in online and n not in ("J", "y->J", "cut")]
    frame(
        rf"\frac{{\partial J}}{{\partial y}} = {-run['dq'][1]:g} \;\text{{ is not followed: }} y \text{{ counts as a number}}",
        "And here the route is cut. The target depends on parameters too, by the lower network. But it stands for what the prediction should be; the "
        "prediction is to move to it, not it to the prediction. In torch one writes detach() or no_grad(); in numpy one leaves the route out.",
        active=["cut", "says"], dim=lower,
    )  # fmt: skip
    back |= {"h1->q1", "h2->q1"}
    frame(
        [
            rf"\grad{{\frac{{\partial J}}{{\partial \boldsymbol W_2}}}} = \grad{{\frac{{\partial J}}{{\partial \boldsymbol Q}}}}\; \hid{{\boldsymbol h^\top}} = \grad{{{_matrix(run['dW2'], '.4f')}}}",
        ],
        "The last layer, as in every dense network: what comes back times what went in. Row 0 belongs to the action not taken and stays as it is.",
        dim=lower,
    )  # fmt: skip
    back |= {"h1", "h2"}
    for i in (0, 1):
        gradients[f"h{i + 1}"] = numeral(run["dh"][i], "+.4f")
    frame(
        [
            *(
                rf"\grad{{\frac{{\partial J}}{{\partial h_{i + 1}}}}} &= {_n(W2[1, i])}\cdot \grad{{({run['dq'][1]:g})}} = \grad{{{run['dh'][i]:.4f}}}"
                for i in (0, 1)
            ),
            *(
                rf"\grad{{\frac{{\partial J}}{{\partial z_{i + 1}}}}} &= \grad{{{_n(run['dh'][i], '.4f')}}}\,(1 - {h[i]:.4f}^2) = \grad{{{run['dz'][i]:.4f}}}"
                for i in (0, 1)
            ),
        ],
        "Back through the weights of action 1 to the hidden units, and through the tanh to the sums $z_1$ and $z_2$ before it.",
        dim=lower,
    )
    back |= set(layer1)
    frame(
        rf"\grad{{\frac{{\partial J}}{{\partial \boldsymbol W_1}}}} = \grad{{\frac{{\partial J}}{{\partial \boldsymbol z}}}}\; \inp{{\boldsymbol \phi^\top}} = \grad{{{_matrix(run['dW1'], '.4f')}}}",
        "The first layer in the same way. The gradient is complete, and it holds derivatives for the upper network alone.",
        dim=lower,
    )
    back.clear()
    gradients.clear()
    values["q0"], values["q1"] = numeral(run["q_after"][0]), numeral(run["q_after"][1])
    for i in (0, 1):
        values[f"h{i + 1}"] = numeral(run["h_after"][i])
    values["J"] = numeral(run["J_after"])
    frame(
        [
            rf"\par{{\boldsymbol W}} &\leftarrow \par{{\boldsymbol W}} - {run['rate']:g}\; \grad{{\frac{{\partial J}}{{\partial \boldsymbol W}}}}",
            rf"\out{{Q(\phi, 1)}} &= {run['q_after'][1]:.4f} \qquad y = {run['y']:.4f} \qquad \loss{{J}} = {run['J_after']:.4f}",
        ],
        f"One step downhill. The prediction has moved from {numeral(q[1])} towards the target; the target has not moved. $Q(\\phi, 0)$ has changed "
        "too, although its row was not touched: the two actions share the hidden layer. After a number of such steps the upper network is copied to the lower.",
        active=["q1", "J", "q1->J"], hidden=cut_hidden,
    )  # fmt: skip
    return Stepper(frames, "One update of a DQN: two networks, one gradient")


def _matrix(M, form="g"):
    rows = r" \\ ".join(" & ".join(f"{v + 0.0:{form}}" for v in row) for row in np.atleast_2d(M))
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


def _n(number, form="g"):
    """A number as a factor in LaTeX: in brackets where it is negative."""
    return rf"({number:{form}})" if number < 0 else f"{number:{form}}"


# Curves --------------------------------------------------------------------------------------------


def plot_losses():
    """Three losses of an error, and their slopes."""
    delta = np.linspace(-3, 3, 601)
    inside = np.abs(delta) <= 1
    curves = (
        ("squared", "input", "--", delta**2 / 2, delta),
        ("Huber", "loss", "-", np.where(inside, delta**2 / 2, np.abs(delta) - 0.5), np.clip(delta, -1, 1)),
        ("error clipped", "parameter", ":", np.clip(delta, -1, 1) ** 2 / 2, np.where(inside, delta, 0.0)),
    )
    fig, axes = plt.subplots(1, 2, figsize=(6.6, 3.1))
    for name, role, dashes, loss, slope in curves:
        axes[0].plot(delta, loss, dashes, color=PALETTE[role][0], label=name)
        axes[1].plot(delta, slope, dashes, color=PALETTE[role][0])
    axes[0].set(title="loss", xlabel="error δ", ylim=(0, 3))
    axes[1].set(title="slope", xlabel="error δ", ylim=(-2.2, 2.2))
    axes[0].legend(loc="upper center")
    return fig


def cartpole_runs():
    """What benchmarks/cartpole.py found."""
    return json.loads((Path(__file__).parent / "cartpole.json").read_text())


def plot_runs(found):
    """For each variant the five curves: mean return of the last 20 episodes over the steps."""
    fig, axes = plt.subplots(1, len(found["runs"]), figsize=(6.9, 3.1), sharey=True)
    steps = found["every"] * np.arange(1, found["steps"] // found["every"] + 1) / 1000
    for ax, (variant, runs), role in zip(axes, found["runs"].items(), ("output", "loss", "input"), strict=True):
        for run, dashes in zip(runs, ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))), strict=True):
            curve = np.array([np.nan if v is None else v for v in run["curve"]])
            ax.plot(steps, curve, ls=dashes, color=PALETTE[role][0], lw=1.3)
        ax.axhline(500, color=PALETTE["muted"][0], lw=0.8)
        ax.set(title=variant, xlabel="thousand steps", xlim=(0, steps[-1]), ylim=(0, 515))
    axes[0].set_ylabel("mean return, last 20 episodes")
    return fig
