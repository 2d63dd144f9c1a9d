import re
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

NAMES = [field.name for field in fields(Tolerances)]


def test_the_default_is_the_default():
    assert Tolerances() == DEFAULT_TOLERANCES


@pytest.mark.parametrize("name", NAMES)
def test_every_threshold_is_a_small_positive_number(name: str):
    assert 0.0 < getattr(DEFAULT_TOLERANCES, name) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_every_threshold_says_what_it_means(name: str):
    assert re.search(rf"^    {name}\n        \w", Tolerances.__doc__ or "", re.MULTILINE)


def test_coarser_number_formats_have_wider_limits():
    t = DEFAULT_TOLERANCES
    assert t.agreement < t.single_agreement < t.half_agreement


def test_thresholds_are_changed_in_a_new_record():
    assert replace(DEFAULT_TOLERANCES, boundary=1e-6).boundary == 1e-6
    assert DEFAULT_TOLERANCES.boundary == Tolerances().boundary
    with pytest.raises(FrozenInstanceError, match="boundary"):
        DEFAULT_TOLERANCES.boundary = 1.0
