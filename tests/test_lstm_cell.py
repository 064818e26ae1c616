import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from byhand import lstm_cell
from byhand.lstm_cell import EDGES, LAYOUTS, PEEPHOLES, VARIABLES, Explorer, forward_numbers, pictures
from byhand.stepper import Frame, Stepper


def groups(svg):
    """name -> set of (role, label) of what carries the name; copies count as what they copy."""
    found = {}
    for g in ElementTree.fromstring(svg).iter("g"):
        name = g.get("data-name").split("@")[0]
        label = "".join("".join(t.itertext()) for t in g.iter("text") if "v" not in t.get("class"))
        entry = found.setdefault(name, [g.get("class").split()[0], ""])
        entry[1] = label or entry[1]
    return found


def parameters(D=3, H=4, seed=0):
    rng = np.random.default_rng(seed)
    p = {}
    for k in "zifo":
        p |= {f"W{k}": rng.normal(size=(H, D)), f"R{k}": rng.normal(size=(H, H)), f"b{k}": rng.normal(size=H)}
    return p | {f"p{k}": rng.normal(size=H) for k in "ifo"}


def test_both_pictures_show_the_same_things_in_the_same_colours_under_the_same_names():
    circuit, odyssey = (groups(svg) for svg in pictures(named=True, loss=True))
    assert circuit == odyssey
    assert set(EDGES) < set(circuit)
    assert {v for v in VARIABLES if v not in circuit} == {f"{m}{k}" for m in "WRp" for k in "zifo"} - {"pz"}


def test_peepholes_are_three_and_dashed():
    assert {(e.source, e.target) for e in EDGES.values() if e.peephole} == {
        ("c_prev", "i_bar"), ("c_prev", "f_bar"), ("c", "o_bar"),
    }  # fmt: skip
    for svg in pictures():
        assert len(re.findall(r'class="f p"', svg)) == 3


@pytest.mark.parametrize("edge", EDGES)
def test_every_edge_can_be_lit_forward_and_backward(edge):
    for forward, back in zip(pictures(active=[edge], loss=True), pictures(gradient=[edge], loss=True), strict=True):
        assert len(re.findall(r'class="r-\w+ a"', forward)) in (1, 2)  # the arrow, and its label
        assert back.count('class="b h"') == 1


def test_a_name_stands_for_its_copies_and_a_weight_for_its_edge():
    circuit, odyssey = pictures(active=["x"], named=True)
    assert circuit.count('class="r-input a"') == 1 and odyssey.count('class="r-input a"') == 4
    assert pictures(active=["Wf"]).html() == pictures(active=["x->f_bar"], describe="the LSTM cell with peepholes. "
                                                       "Lit: Wf.").html()  # fmt: skip
    for svg in pictures(values={"x": "1.5"}, gradients={"y_prev": "−0.25"}):
        assert svg.count("1.5</text>") == 1 and svg.count(">−0.25</text>") == 1


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="nothing named 'g'"):
        pictures(active=["g"])
    with pytest.raises(ValueError, match="no variable"):
        Explorer("g")


@pytest.mark.parametrize("which", LAYOUTS)
def test_nodes_do_not_touch_and_stay_inside(which):
    d = lstm_cell._drawing(which)
    nodes = list(d.nodes.items())
    for i, (name, a) in enumerate(nodes):
        assert a.w / 2 <= a.x <= d.width - a.w / 2 and a.h / 2 <= a.y <= d.height - a.h / 2, name
        for other, b in nodes[i + 1 :]:
            apart = max(abs(a.x - b.x) - (a.w + b.w) / 2, abs(a.y - b.y) - (a.h + b.h) / 2)
            round_apart = np.hypot(a.x - b.x, a.y - b.y) - (a.w + b.w) / 2
            assert max(apart, round_apart if a.shape == b.shape == "circle" else apart) > 2, (name, other)


def test_pictures_go_into_a_stepper():
    stepper = Stepper([Frame(pictures(active=["f"]), r"\hid{f} = \sigma(\bar f)", "The forget gate.")], "A cell")
    assert stepper._repr_html_().count("<svg class") == 2


def test_numbers_agree_with_autograd_over_a_hand_written_cell_and_with_torchs_own():
    T, D, H = 4, 3, 4
    p, rng = parameters(D, H), np.random.default_rng(1)
    x, y0, c0 = rng.normal(size=(T, D)), rng.normal(size=H), rng.normal(size=H)
    steps = forward_numbers(p, x, y0, c0)
    t = {k: torch.tensor(v) for k, v in p.items()}
    y, c = torch.tensor(y0), torch.tensor(c0)
    for s, x_t in zip(steps[1:], torch.tensor(x), strict=True):
        total = {k: t["W" + k] @ x_t + t["R" + k] @ y + t["b" + k] for k in "zifo"}
        i, f = torch.sigmoid(total["i"] + t["pi"] * c), torch.sigmoid(total["f"] + t["pf"] * c)
        c = torch.tanh(total["z"]) * i + c * f
        y = torch.tanh(c) * torch.sigmoid(total["o"] + t["po"] * c)
        np.testing.assert_allclose(s["c"], c, rtol=1e-12)
        np.testing.assert_allclose(s["y"], y, rtol=1e-12)
        assert set(s) == {v for v in VARIABLES if VARIABLES[v].role != "parameter"}

    p |= {f"p{k}": np.zeros(H) for k in "ifo"}
    cell = torch.nn.LSTMCell(D, H, dtype=torch.float64)
    stacked = {m: torch.tensor(np.concatenate([p[m + k] for k in "ifzo"])) for m in "WRb"}
    cell.load_state_dict(
        {"weight_ih": stacked["W"], "weight_hh": stacked["R"], "bias_ih": stacked["b"], "bias_hh": 0 * stacked["b"]}
    )
    y, c = cell(torch.tensor(x[0]), (torch.tensor(y0), torch.tensor(c0)))
    np.testing.assert_allclose(forward_numbers(p, x, y0, c0)[1]["y"], y.detach(), rtol=1e-12)


def test_the_edges_are_what_the_numbers_depend_on():
    """Move one variable at a time and recompute the others from their equations: exactly the edges' targets move."""
    p = parameters()
    rng = np.random.default_rng(2)
    s = forward_numbers(p, rng.normal(size=(1, 3)), rng.normal(size=4), rng.normal(size=4))[1]
    sigma = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    formulas = {f"{k}_bar": lambda v, k=k: p[f"W{k}"] @ v["x"] + p[f"R{k}"] @ v["y_prev"] + p[f"b{k}"]
                + (p[f"p{k}"] * v[PEEPHOLES[k]] if k in PEEPHOLES else 0) for k in "zifo"}  # fmt: skip
    formulas |= {k: lambda v, k=k: (np.tanh if k == "z" else sigma)(v[f"{k}_bar"]) for k in "zifo"}
    formulas |= {
        "zi": lambda v: v["z"] * v["i"], "cf": lambda v: v["c_prev"] * v["f"], "c": lambda v: v["zi"] + v["cf"],
        "tanh_c": lambda v: np.tanh(v["c"]), "y": lambda v: v["tanh_c"] * v["o"],
    }  # fmt: skip
    for target, formula in formulas.items():
        np.testing.assert_allclose(formula(s), s[target], rtol=1e-12)
        moved = {u for u in s if u != target and not np.array_equal(formula({**s, u: s[u] + 0.1}), formula(s))}
        assert moved == {e.source for e in EDGES.values() if e.target == target and not e.source.startswith("b")}


def test_the_explorer_names_things_that_are_in_the_pictures():
    html = Explorer()._repr_html_()
    data = json.loads(re.search(r'data-cell="([^"]*)"', html)[1].replace("&quot;", '"').replace("&gt;", ">"))
    names = set(re.findall(r'data-name="([^"]*)"', html.replace("&gt;", ">")))
    assert set(data["owner"]) <= names | {"J"} and set(data["lit"]) == set(VARIABLES)
    assert {n for lit in data["lit"].values() for n in lit} - names <= {"y->J"}
    for v in VARIABLES:
        assert f'<option value="{v}"' in html and f'data-about="{v}"' in html


@pytest.mark.slow
def test_pointing_and_choosing_light_both_pictures(browser, tmp_path):
    path, messages = tmp_path / "page.html", []
    html = Explorer()._repr_html_()
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><body>{html}</body></html>'
    )
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.on("console", lambda m: messages.append(m.text))
    page.on("pageerror", lambda e: messages.append(str(e)))
    page.goto(path.as_uri())

    def lit():
        return set(page.locator(".bh-explorer .a").evaluate_all("all => all.map(e => e.dataset.name)"))

    def told():
        return [e.get_attribute("data-about") for e in page.locator("[data-about]").all() if e.is_visible()]

    assert lit() == {"c", "cf->c", "zi->c"} and told() == ["c"]
    page.locator('figure:nth-child(2) [data-name="x@o_bar"] circle').hover(force=True)
    assert {"x", "x@o_bar", "x@f_bar", "x->z_bar"} < lit() and told() == ["x"]
    page.mouse.move(1, 1)
    assert told() == ["c"]
    page.locator('figure:nth-child(1) [data-name="o_bar"] rect').click(force=True)
    page.mouse.move(1, 1)
    assert told() == ["o_bar"] and "c->o_bar" in lit()
    page.locator("select").select_option("Rz")
    assert told() == ["Rz"] and lit() == {"y_prev->z_bar"}
    page.locator("select").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("select").get_attribute("data-lm-suppress-shortcuts") is not None
    assert messages == []
    page.close()
