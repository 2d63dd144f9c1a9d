"""The pictures of the README, drawn by the package itself.

``python -m tests.reports.pictures`` in the root of the repository draws them again.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image
from sklearn.datasets import make_moons
from sklearn.neural_network import MLPClassifier

from explainrelu.reports.displays.coefficient_profile import CoefficientProfileDisplay
from explainrelu.reports.displays.region_map import RegionMapDisplay
from tests import models

_IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
TWO_MOONS = _IMAGES / "two_moons.png"
COEFFICIENTS = _IMAGES / "coefficients.png"


def two_moons() -> RegionMapDisplay:
    """The linear regions of a small network on two moons."""
    from matplotlib import pyplot

    X, y = make_moons(240, noise=0.12, random_state=1)
    model = MLPClassifier((8, 8), solver="lbfgs", alpha=0.02, max_iter=4000, random_state=3)
    _, ax = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    display = RegionMapDisplay.from_estimator(model.fit(X, y), X, y, ax=ax)
    ax.get_legend().remove()
    ax.set(xlabel="", ylabel="")
    return display


def coefficients() -> CoefficientProfileDisplay:
    """The coefficients of a small network in the regions of the loans table."""
    model, X, _ = models.loan_decisions()
    return CoefficientProfileDisplay.from_estimator(model, X[:2000], max_features=10)


def write(display: RegionMapDisplay | CoefficientProfileDisplay, path: Path) -> None:
    """Write a picture with 200 colours, which keeps it small."""
    buffer = BytesIO()
    display.figure_.savefig(buffer, format="png", dpi=120)
    Image.open(buffer).convert("RGB").quantize(200).save(path, optimize=True)


if __name__ == "__main__":
    write(two_moons(), TWO_MOONS)
    write(coefficients(), COEFFICIENTS)
