from pathlib import Path

import pytest

from tests.layers import violations

PACKAGE = Path(__file__).resolve().parents[1] / "explainrelu"

# The house, from the ground up: a layer imports from those before it and from itself.
LAYERS = (
    "errors",
    "tolerances",
    "arrays",
    "certificate",
    "geometry",
    "network",
    "importers",
    "regions",
    "milp",
    "training",
    "rewrites",
    "exporters",
    "explanations",
    "audits",
    "reports",
    "datasets",
    "command_line",
    "demo",
    "cli",
    "__main__",
)


def test_package_keeps_the_order_of_its_layers() -> None:
    assert violations(PACKAGE, LAYERS) == []


def made_up(folder: Path, **sources: str) -> Path:
    """A package ``house`` of the layers ground, floor and roof, with the given modules."""
    package = folder / "house"
    for name in ("", "ground", "floor"):
        (package / name).mkdir(exist_ok=True)
        (package / name / "__init__.py").write_text("")
    for name, source in sources.items():
        (package / f"{name.replace('__', '/')}.py").write_text(source)
    return package


def found_in(folder: Path, **sources: str) -> list[str]:
    return violations(made_up(folder, **sources), ("ground", "floor", "roof"))


def test_walker_lets_downward_imports_and_other_packages_pass(tmp_path: Path) -> None:
    assert not found_in(
        tmp_path,
        ground__stone="import numpy\nfrom os import path",
        floor__wood="from house.ground.stone import Stone\nimport house.ground.stone",
        roof="from house.floor.wood import Wood\nfrom house.ground.stone import Stone",
    )


@pytest.mark.parametrize(
    "source",
    [
        "from house.floor.wood import Wood",
        "import house.floor.wood as wood",
        "from ..floor.wood import Wood",
        "def build():\n    from house.floor.wood import Wood",
        "import typing\nif typing.TYPE_CHECKING:\n    from house.floor.wood import Wood",
    ],
)
def test_walker_refuses_an_upward_import_wherever_it_stands(tmp_path: Path, source: str) -> None:
    [found] = found_in(tmp_path, ground__stone=source, floor__wood="")
    assert "house.ground.stone" in found
    assert "imports house.floor.wood, a later layer" in found


@pytest.mark.parametrize(
    ("source", "root"),
    [
        ("from house import ground", "house"),
        ("import house", "house"),
        ("from house.ground import Stone", "house.ground"),
        ("from house.ground import stone", "house.ground"),
        ("import house.ground", "house.ground"),
        ("from ..ground import stone", "house.ground"),
    ],
)
def test_walker_refuses_a_package_root(tmp_path: Path, source: str, root: str) -> None:
    found = found_in(tmp_path, ground__stone="", floor__wood=source)
    assert f"house.floor.wood:1 imports {root}, a package root" in found


def test_walker_refuses_a_circle_inside_a_layer(tmp_path: Path) -> None:
    [found] = found_in(
        tmp_path,
        ground__sand="from house.ground.stone import Stone",
        ground__stone="def grind():\n    import house.ground.water",
        ground__water="from house.ground.sand import Sand",
    )
    assert "house.ground.sand -> house.ground.stone -> house.ground.water" in found
    assert found.endswith("is a circle")


def test_walker_refuses_a_layer_that_is_not_listed(tmp_path: Path) -> None:
    assert found_in(tmp_path, shed="") == ["shed is in no place of the list of layers"]


def test_walker_leaves_out_the_public_names_of_the_package(tmp_path: Path) -> None:
    package = made_up(tmp_path, ground__stone="")
    (package / "__init__.py").write_text("from house.ground import stone\nimport house.floor\n")
    assert not violations(package, ("ground", "floor", "roof"))
