import json
import math
import re

import pytest

from byhand.drawing import Drawing
from byhand.routes import MOST, Edge, RoutePicker, Routes


def graph(arrows, extra=()):
    """A drawing with nodes wherever the arrows (source, target, number) need them, and its routes."""
    d, edges = Drawing(600, 200), {}
    for node in dict.fromkeys([n for source, target, _ in arrows for n in (source, target)] + list(extra)):
        d.node(node, 40 + 80 * len(d.nodes), 60 + 80 * (len(d.nodes) % 2), role="loss" if node == "J" else "hidden")
    for i, (source, target, number) in enumerate(arrows):
        name = f"{source}->{target}" if f"{source}->{target}" not in d.arrows else f"arrow {i}"
        d.arrow(source, target, name=name, bend=0.2 * (name == f"arrow {i}"))
        edges[name] = Edge(number, rf"\partial {target} - {source}")
    return d, edges


DIAMOND = [("y", "u", 2.0), ("y", "v", -3.0), ("u", "J", 0.5), ("v", "J", 4.0), ("y", "J", 0.25)]


def picker(arrows=DIAMOND, title="A diamond", **options):
    return RoutePicker(Routes(*graph(arrows)), title, describe="Five arrows.", **options)


# Routes and their sum


def test_every_route_with_its_product():
    routes = Routes(*graph(DIAMOND)).routes_from("y")
    assert [route.nodes for route in routes] == [("y", "u", "J"), ("y", "v", "J"), ("y", "J")]
    assert [route.product for route in routes] == [1.0, -12.0, 0.25]
    assert routes[1].arrows == ("y->v", "v->J")


def test_the_sweep_backwards_gives_the_sum_over_routes():
    arrows = [(f"n{i}", f"n{j}", math.cos(i + 3 * j)) for i in range(7) for j in range(i + 1, 7)]
    arrows += [("n6", "J", 1.5), ("n2", "J", -0.5), ("n2", "dead end", 9.0)]
    routes = Routes(*graph(arrows))
    for name in (f"n{i}" for i in range(7)):
        assert routes.total(name) == pytest.approx(sum(r.product for r in routes.routes_from(name)), rel=1e-12)
    assert len(routes.routes_from("n0")) == 32 + 1 + 1  # subsets of n1 ... n5, then J; and two ways to n2, then J
    assert not routes.reaches("dead end")


def test_a_variable_used_twice_has_two_routes():
    routes = Routes(*graph([("x", "J", 3.0), ("x", "J", 3.0)]))
    assert len(routes.routes_from("x")) == 2 and routes.total("x") == 6.0
    assert routes.total("J") == 1.0


def test_what_a_node_was_made_of():
    routes = Routes(*graph(DIAMOND))
    assert routes.made_of("J") == (["y", "u", "v"], ["y->u", "y->v", "u->J", "v->J", "y->J"])
    assert routes.made_of("u") == (["y"], ["y->u"]) and routes.made_of("y") == ([], [])


def test_decoration_needs_no_derivative():
    d, edges = graph([("x", "J", 3.0)])
    d.node("note", 500, 60, role="muted")
    d.arrow("note", "x", role="muted")
    assert not Routes(d, edges).reaches("note")


def test_mistakes_are_named():
    d, edges = graph(DIAMOND, extra=["alone"])
    routes = Routes(d, edges)
    for call, message in (
        (lambda: Routes(d, edges, target="K"), "no node named 'K' in the drawing; it has: y, u"),
        (lambda: Routes(d, edges | {"u->v": edges["y->u"]}), "no arrow named 'u->v'"),
        (lambda: Routes(d, {"y->u": edges["y->u"]}), "'y->v' has no edge"),
        (lambda: Routes(d, edges | {"y->u": Edge(math.nan, "a")}), "local derivative at 'y->u' is nan"),
        (lambda: routes.routes_from("z"), "no node named 'z'"),
        (lambda: routes.total("alone"), "no route from 'alone' to 'J'"),
        (lambda: Routes(*graph([("a", "b", 1), ("b", "c", 1), ("c", "b", 1), ("c", "J", 1)])), "cycle: b -> c -> b"),
        (lambda: picker(variables=["z"]), "no node named 'z'"),
        (lambda: picker(start="J"), "start is 'J'"),
        (lambda: picker(title=" "), "title"),
        (lambda: picker(symbols={"z": "z"}), "no node named 'z'"),
        (lambda: picker([("x", "J", 1.0)] * (MOST + 1)), f"{MOST + 1} routes"),
        (lambda: RoutePicker(Routes(*graph([("x", "K", 1.0)], ["J"])), "t", describe="d"), "nothing reaches 'J'"),
        (lambda: RoutePicker(routes, "t", describe="d", variables=["alone"]), "no route"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


# The player's HTML


def test_html_stands_alone():
    html = picker()._repr_html_()
    assert not re.search(r"https?://|@import|url\(| src=| id=", html)
    assert html == picker()._repr_html_()
    assert repr(picker()) == "RoutePicker: A diamond (y, u, v to J)"


def test_each_variable_has_its_routes_and_their_sum():
    html = picker()._repr_html_()
    assert html.count('type="radio"') == html.count("<section") == 3 and html.count("<li ") == 5
    assert "3 routes from <i>y</i> to <i>J</i>" in html and "1 route from" in html
    assert r"\frac{dJ}{dy} = {1.0000} + \left(-12.0000\right) + {0.2500} = {-10.7500}" in html
    assert r"\left(\partial J - v\right)\,\cdot\,\left(\partial v - y\right)" in html


def test_size_budget():
    """Ten variables in a graph as dense as the cell of an LSTM."""
    arrows = [(f"n{i}", f"n{j}", 0.1 * (i - j)) for i in range(10) for j in range(i + 1, min(i + 4, 10))]
    html = picker(
        [*arrows, ("n9", "J", 1.0), ("n8", "J", 1.0)], variables=[f"n{i}" for i in range(4, 10)]
    )._repr_html_()
    assert len(html.encode()) < 400_000


# In a browser


@pytest.fixture
def open_page(standalone):
    """Open a page with two pickers, the first of them twice over."""

    def open_page(width=800, **options):
        long = [(f"n{i}", f"n{j}", 0.5) for i in range(5) for j in range(i + 1, 5)] + [("n4", "J", 1.0)]
        one, two = picker()._repr_html_(), picker(long, title="Many")._repr_html_()
        return standalone(f"<body>{one}{two}{one}</body>", width=width, **options)

    return open_page


def lit(page, number=0):
    """The purple arrows and numbers that can be seen in a picker."""
    root = page.locator(".bh-routes").nth(number)
    arrows = [
        p
        for p in root.locator("svg path.b:not(.h)").all()
        if p.evaluate("e => getComputedStyle(e).visibility") == "visible"
    ]
    numbers = [
        t for t in root.locator("svg text.g").all() if t.evaluate("e => getComputedStyle(e).visibility") == "visible"
    ]
    return len(arrows), [t.text_content() for t in numbers]


@pytest.mark.slow
def test_choosing_a_variable_lights_its_routes(open_page):
    page = open_page()
    first = page.locator(".bh-routes").first
    assert lit(page) == (5, ["−10.7500", "2.0000", "−3.0000", "0.5000", "4.0000", "0.2500"])
    first.get_by_role("radio").nth(1).check(force=True)
    assert lit(page) == (1, ["0.5000", "0.5000"]) and lit(page, 2)[0] == 5
    page.keyboard.press("ArrowRight")  # radio buttons have their own keys
    assert lit(page) == (1, ["4.0000", "4.0000"])
    assert first.locator(".bh-aloud").first.text_content() == "v was made of y. 1 route from v to J: route 1: v → J."
    first.locator('svg g[data-from="y"]').click()
    assert lit(page)[0] == 5 and first.locator(".bh-panel:visible").count() == 1


@pytest.mark.slow
def test_what_a_variable_was_made_of_lights_up_green_where_it_is_chosen(open_page):
    page = open_page()
    first = page.locator(".bh-routes").first
    assert first.locator("svg .made").count() == 0 and not first.locator(".bh-made:visible").count()
    first.get_by_role("radio").nth(1).check(force=True)
    assert first.locator("svg g.made[data-from]").evaluate_all("all => all.map(e => e.dataset.from)") == ["y"]
    line = first.locator("svg .made>.f:not(.h)")
    assert line.count() == 1 and first.locator(".bh-made:visible").text_content() == "u was made of y."
    assert line.evaluate("e => getComputedStyle(e).stroke") == "rgb(15, 128, 83)"  # the palette's green, on light paper


@pytest.mark.slow
def test_one_route_alone(open_page):
    page = open_page()
    first = page.locator(".bh-routes").first
    button = first.get_by_role("button", name="Only route 2")
    button.click()
    assert lit(page) == (2, ["−3.0000", "4.0000"]) and button.get_attribute("aria-pressed") == "true"
    assert first.get_by_role("img").get_attribute("aria-label") == "Five arrows. Lit: route 2: y → v → J."
    page.keyboard.press("Enter")
    assert lit(page)[0] == 5


@pytest.mark.slow
def test_of_many_routes_the_lit_one_shows_its_formula(open_page):
    page = open_page()
    many = page.locator(".bh-routes").nth(1).locator(".bh-panel").first
    assert many.locator("li").count() == 8
    assert [e.is_visible() for e in many.locator("li .bh-equation").all()] == [False] * 8
    many.get_by_role("button").nth(3).click()
    assert many.locator("li .bh-equation").nth(3).is_visible()


@pytest.mark.slow
def test_jupyterlab_leaves_the_plain_keys_alone(open_page):
    page = open_page()
    page.evaluate(
        """() => {
            window.free = [];
            document.addEventListener("keydown", (event) => {
                free.push(!event.target.hasAttribute("data-lm-suppress-shortcuts"));
            }, true);
        }"""
    )
    page.locator(".bh-routes").first.get_by_role("radio").first.focus()
    for key in ("ArrowRight", "Enter", "Shift+Enter"):
        page.keyboard.press(key)
    assert json.dumps(page.evaluate("free")) == "[false, false, true, true]"


@pytest.mark.slow
def test_without_script_every_formula_stands(open_page):
    page = open_page(java_script_enabled=False)
    root = page.locator(".bh-routes").first
    assert root.locator(".bh-panel:visible").count() == 3 and not root.locator("form").is_visible()
    assert lit(page) == (0, [])


@pytest.mark.slow
def test_narrow_screens_do_not_scroll_sideways(open_page):
    assert open_page(width=360).evaluate("document.documentElement.scrollWidth") == 360
