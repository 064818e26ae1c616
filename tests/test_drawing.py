import math
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from byhand.drawing import Drawing
from byhand.palette import PALETTE, PAPER, css_variables, figure_style


def two_nodes(**options):
    d = Drawing(200, 100)
    d.node("h0", 40, 50, "h^(0)")
    d.node("h1", 160, 50, "h^(1)", **options)
    d.arrow("h0", "h1", "W", name="W1")
    return d


def elements(svg, css_class):
    return [e for e in ElementTree.fromstring(svg).iter() if css_class in e.get("class", "").split()]


def words(svg):
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter("text")]


def numbers(path):
    return [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]


# The palette


def linear(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(a, b):
    low, high = sorted(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(x), strict=True)) for x in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    xyz = [
        sum(w * min(1, max(0, c)) for w, c in zip(row, rgb, strict=True)) / white
        for row, white in (
            ((0.4124, 0.3576, 0.1805), 0.9505),
            ((0.2126, 0.7152, 0.0722), 1.0),
            ((0.0193, 0.1192, 0.9505), 1.089),
        )
    ]
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_colour_is_readable_as_text(theme):
    papers = [PAPER[theme]] + (["#111111"] if theme else [])  # JupyterLab's dark theme has a darker paper
    assert all(contrast(pair[theme], paper) >= 4.5 for pair in PALETTE.values() for paper in papers)


# How red-blind and green-blind eyes see linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_roles_stay_apart_for_all_eyes(vision, theme):
    roles = ("input", "hidden", "output", "loss", "parameter", "gradient")
    seen = {
        role: lab(
            [sum(w * c for w, c in zip(row, linear(PALETTE[role][theme]), strict=True)) for row in VISION[vision]]
        )
        for role in roles
    }
    for a, b in combinations(roles, 2):
        assert math.dist(seen[a], seen[b]) > 15, (a, b)


def test_both_themes_are_in_the_css():
    css = css_variables()
    assert 'html[data-theme="dark"]' in css and 'body[data-jp-theme-light="false"]' in css
    assert all(value in css for pair in PALETTE.values() for value in pair)


def test_figures_are_the_same_on_every_run():
    import io

    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        figure_style()
        files = []
        for _ in range(2):
            figure = Figure()
            figure.subplots().plot([1, 2, 3], label="a")
            files.append(io.BytesIO())
            figure.savefig(files[-1], format="svg", metadata={"Date": None})
        assert files[0].getvalue() == files[1].getvalue()


# Names and descriptions


@pytest.mark.parametrize("argument", ["active", "dim", "hidden", "gradient"])
def test_unknown_names_are_refused(argument):
    with pytest.raises(ValueError, match="named 'h7' in the drawing; it has: h0, h1"):
        two_nodes().svg(describe="x", **{argument: ["h7"]})


@pytest.mark.parametrize("argument", ["values", "gradients"])
def test_unknown_names_of_numbers_are_refused(argument):
    with pytest.raises(ValueError, match="named 'h7'"):
        two_nodes().svg(describe="x", **{argument: {"h7": "1"}})


def test_a_text_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="expected a list of names"):
        two_nodes().svg(describe="x", active="h0")


def test_numbers_are_given_as_text():
    with pytest.raises(TypeError, match="give them as text"):
        two_nodes().svg(describe="x", values={"h0": 0.46})


def test_names_are_unique_and_arrows_have_ends():
    d = two_nodes()
    with pytest.raises(ValueError, match="already has something named 'h0'"):
        d.node("h0", 1, 1)
    with pytest.raises(ValueError, match="no node named 'h2'"):
        d.arrow("h0", "h2")
    with pytest.raises(ValueError, match="role is 'red'"):
        d.node("a", 1, 1, role="red")
    d.arrow("h0", "h1", bend=0.3)  # a second arrow between the same nodes
    assert "h0->h1" in d.arrows


def test_description_is_required_and_escaped():
    with pytest.raises(ValueError, match="describe is empty"):
        two_nodes().svg(describe=" ")
    svg = ElementTree.fromstring(two_nodes().svg(describe='a < b & "c"'))
    assert svg.get("role") == "img" and svg.get("aria-label") == 'a < b & "c"'


# What is drawn


@pytest.mark.parametrize(
    "label, levels",
    [
        ("h^(1)", [("h", 0), ("(1)", 1)]),
        ("W_z", [("W", 0), ("z", -1)]),
        ("p_in^(t)", [("p", 0), ("in", -1), ("(t)", 1)]),
        ("δh^(t-1) + b", [("δh", 0), ("(t-1)", 1), (" + b", 0)]),
        ("x_{i,j}", [("x", 0), ("i,j", -1)]),
        ("dJ/dW", [("dJ/dW", 0)]),
    ],
)
def test_label_markup(label, levels):
    from byhand.drawing import label_runs

    assert label_runs(label) == levels
    d = Drawing(100, 100)
    d.node("a", 50, 50, label)
    assert words(d.svg(describe="x")) == ["".join(text for text, _ in levels)]


def test_variables_are_italic_and_words_are_not():
    d = Drawing(400, 100)
    d.text("t", 200, 50, "a gate σ of ŷ and tanh")
    assert [e.text for e in elements(d.svg(describe="x"), "i")] == ["σ", "ŷ"]


def test_labels_and_numbers_are_escaped():
    d = two_nodes()
    d.text("t", 100, 90, "a < b & c")
    svg = d.svg(describe="x", values={"h0": "<1"}, gradients={"h1": "&2"})
    assert {"a < b & c", "<1", "&2"} <= set(words(svg))


def test_states_show():
    svg = two_nodes().svg(
        describe="x", active=["h1"], dim=["h0"], gradient=["W1", "h1"], values={"h1": "0.46"}, gradients={"h1": "-0.12"}
    )
    assert len(elements(svg, "a")) == 1 and len(elements(svg, "d")) == 1 and len(elements(svg, "ring")) == 1
    forward, back = elements(svg, "f"), elements(svg, "b")
    assert len(forward) == len(back) == 2  # shaft and head; the forward arrow stays
    assert numbers(forward[0])[0] < numbers(forward[0])[-2]
    assert numbers(back[0])[0] > numbers(back[0])[-2]  # the gradient runs the other way
    assert {"0.46", "-0.12"} <= set(words(svg))
    assert "h(1)" not in words(two_nodes().svg(describe="x", hidden=["h1", "W1"]))


@pytest.mark.parametrize("shape, reach", [("circle", 24), ("box", 36)])
def test_arrows_end_at_borders(shape, reach):
    head = elements(two_nodes(shape=shape).svg(describe="x"), "h")[0]
    assert numbers(head)[2:4] == pytest.approx([160 - reach - 2, 50], abs=0.2)


def test_bent_arrows_and_loops_end_outside_their_nodes():
    d = two_nodes()
    d.arrow("h0", "h1", bend=0.4)
    d.arrow("h1", "h0", bend=-0.4)
    d.arrow("h1", "h1")
    d.arrow("h1", "h1", name="below", bend=-1)
    names = list(d.arrows)
    for path in elements(d.svg(describe="x", gradient=names), "h"):
        x, y = numbers(path)[2:4]
        assert all(math.hypot(x - node.x, y - node.y) > 24 for node in d.nodes.values())


def test_numbers_do_not_move_between_frames():
    d = two_nodes()
    one = d.svg(describe="x", gradients={"h1": "1", "W1": "2"}, gradient=["W1"])
    two = d.svg(describe="x", gradients={"h1": "-0.123"})
    where = [{(e.get("x"), e.get("y")) for e in elements(svg, "g")} for svg in (one, two)]
    assert where[1] < where[0]


def test_output_is_deterministic_and_displays_itself():
    one, two = (two_nodes().svg(describe="x", values={"h0": "1"}) for _ in range(2))
    assert one == two
    assert one._repr_html_().count("<style>") == two_nodes()._repr_html_().count("<style>") == 1
    assert " id=" not in one and "#" not in one  # nothing that could clash with another drawing; colours are in the CSS


def test_as_text_a_drawing_is_its_description():
    drawing = Drawing(100, 100)
    drawing.node("a", 50, 50)
    assert repr(drawing.svg(describe="One node & nothing else.")) == "Drawing: One node & nothing else."


# Wires, places given by hand, two lines, names


def test_an_arrow_goes_by_way_of_points_and_its_gradient_beside_it():
    d = Drawing(200, 200)
    d.node("a", 30, 30)
    d.node("b", 170, 170, shape="box")
    d.arrow("a", "b", "W", via=[(30, 100), (160, 100)], end=(-10, 0), label_at=(90, 100), dashed=True)
    [shaft, head] = elements(d.svg(describe="A wire."), "f")
    assert "p" in shaft.get("class").split()
    points = numbers(shaft)
    places = list(zip(points[::2], points[1::2], strict=True))
    assert places[0] == (30, 56) and len(places) % 3 == 1
    assert all(x == 30 or y == 100 or min(abs(x - 30), abs(x - 160)) < 10 for x, y in places)
    assert {x for x, y in places if y < 80} == {30} and places[-1][0] == pytest.approx(160, abs=1)
    [label] = [
        t for t in ElementTree.fromstring(d.svg(describe="A wire.")).iter("text") if "".join(t.itertext()) == "W"
    ]
    assert (label.get("x"), label.get("y")) == ("90", "100")
    back = numbers(elements(d.svg(describe="A wire.", gradient=["a->b"]), "b")[0])
    assert any(abs(x - 22) < 0.2 for x in back[::2]) or any(abs(x - 38) < 0.2 for x in back[::2])


def test_a_nodes_value_may_have_two_lines_and_its_gradient_a_place():
    d = Drawing(100, 100)
    d.node("h", 50, 50, gradient_at=(20, 90))
    d.node("k", 50, 10)
    d.arrow("h", "k")
    svg = d.svg(describe="One.", values={"h": "0.1\n0.2"}, gradients={"h": "−1"})
    assert words(svg)[:3] == ["h", "0.1", "0.2"]
    [text] = elements(svg, "g")
    assert (text.get("x"), text.get("y")) == ("20", "90")
    for wrong in ({"h": "1\n2\n3"}, {"h->k": "1\n2"}):
        with pytest.raises(ValueError, match="one line"):
            d.svg(describe="One.", values=wrong)


def test_names_are_left_out_unless_asked_for():
    d = two_nodes()
    assert "data-name" not in d.svg(describe="Two.")
    assert {g.get("data-name") for g in ElementTree.fromstring(d.svg(describe="Two.", named=True)).iter("g")} == {
        "h0", "h1", "W1",
    }  # fmt: skip
