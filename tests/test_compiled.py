"""Compiled code on disk is never older than the sources it was made from."""

from tests.compiled import compiles, outdated, renew


def test_every_compiled_module_knows_the_state_of_what_it_compiles_in():
    assert [path.name for path in outdated()] == [], "run `make format`, which renews the lines"


def test_a_change_in_a_module_that_is_compiled_in_is_seen(tmp_path):
    package = tmp_path / "house"
    package.mkdir()
    inner, outer = package / "inner.py", package / "outer.py"
    inner.write_text('__all__ = ["step"]\n\n\n@njit(inline="always")\ndef step(x):\n    return x\n')
    outer.write_text(
        "from house.inner import step\n\n"
        '__all__ = ["walk"]\n\n\n@njit(cache=True)\ndef walk(x):\n    return step(x)\n'
    )
    assert compiles(inner)
    assert compiles(outer)
    ((path, wanted),) = outdated(package).items()
    assert path == outer
    renew(outer, wanted)
    assert outdated(package) == {}
    inner.write_text(inner.read_text().replace("return x", "return x + 1"))
    assert list(outdated(package)) == [outer]
