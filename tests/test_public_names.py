import subprocess
import sys

import pytest

import explainrelu

SLOW_TO_IMPORT = ("highspy", "matplotlib", "numba", "pulp", "shap", "sklearn", "torch")


def test_public_names_are_sorted_and_unique() -> None:
    assert list(explainrelu.__all__) == sorted(set(explainrelu.__all__))


@pytest.mark.parametrize("name", explainrelu.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(explainrelu, name)
    assert isinstance(value, str) or value.__doc__


def test_public_names_are_listed_by_dir() -> None:
    assert set(explainrelu.__all__) <= set(dir(explainrelu))


def test_unknown_name_is_an_attribute_error_that_repeats_it() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = explainrelu.no_such_name


def test_import_loads_nothing_slow() -> None:
    code = "import sys, explainrelu; dir(explainrelu); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(SLOW_TO_IMPORT) & set(done.stdout.split())
