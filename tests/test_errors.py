import inspect
import re

import pytest

from explainrelu import errors
from explainrelu.errors import ExplainReluError

CLASSES = [
    thing
    for _, thing in inspect.getmembers(errors, inspect.isclass)
    if issubclass(thing, ExplainReluError)
]
LEAVES = [c for c in CLASSES if c is not ExplainReluError]


def test_every_error_is_public():
    assert sorted(errors.__all__) == errors.__all__
    assert {c.__name__ for c in CLASSES} == set(errors.__all__)


@pytest.mark.parametrize("error", LEAVES, ids=lambda e: e.__name__)
def test_every_error_is_also_one_that_python_itself_raises(error: type[Exception]):
    assert len([b for b in (ValueError, TypeError, RuntimeError) if issubclass(error, b)]) == 1


@pytest.mark.parametrize("error", CLASSES, ids=lambda e: e.__name__)
def test_an_error_says_what_it_was_told_and_is_caught_as_ours(error: type[Exception]):
    with pytest.raises(ExplainReluError, match="X must"):
        raise error("X must be finite, got inf. Drop such rows.")


@pytest.mark.parametrize("error", CLASSES, ids=lambda e: e.__name__)
def test_every_error_explains_itself(error: type[Exception]):
    assert (error.__doc__ or "").endswith(".")


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    drawn, above = {}, ["ExplainReluError"]
    for line in re.findall(r"^ *[│├└].*$", errors.__doc__ or "", re.MULTILINE):
        name = re.search(r"\w+Error", line).group()
        depth = (line.index(name) - 4) // 4
        builtin = re.search(r"\((\w+)\)", line)
        drawn[name] = (above[depth - 1], builtin.group(1) if builtin else None)
        above[depth:] = [name]
    for error in LEAVES:
        first, *rest = error.__bases__
        assert drawn[error.__name__] == (first.__name__, rest[0].__name__ if rest else None)
    assert len(drawn) == len(LEAVES)
