import pytest


def pytest_collection_modifyitems(items):
    """A test that runs a notebook, by itself or in a fixture, is slow, whether it says so or not."""
    for item in items:
        functions = [getattr(item, "function", None)]
        for name in getattr(item, "fixturenames", ()):
            functions += [d.func for d in item._fixtureinfo.name2fixturedefs.get(name, ())]
        used = {name for f in functions for name in getattr(getattr(f, "__code__", None), "co_names", ())}
        if used & {"executed", "executed_solution"}:
            item.add_marker(pytest.mark.slow)
