"""Prove equality by canonical forms: what is left between matched units bounds the scores.

Legend: ``e_l`` bounds how far the units of layer ``l`` of two networks of one shape lie apart over
a box, ``u_l`` how large those of the second become there. From layer to layer

    e_{l+1} = |W_a| e_l + |W_a - W_b| u_l + |b_a - b_b|,    e_0 = 0,

since neither max(., 0) nor carrying moves two numbers further apart.
"""

import numpy as np

from explainrelu.arrays import FloatArray, dense
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.geometry.box import Box
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.canonical_form import canonical_form
from explainrelu.rewrites.equivalence.question import Answer, Question
from explainrelu.rewrites.same_parameters import matched

__all__ = ["by_form"]


def by_form(question: Question) -> Answer:
    """Compare the canonical forms, their units matched."""
    forms = [
        canonical_form(network, tolerances=question.tolerances).result
        for network in (question.a, question.b)
    ]
    other = matched(*forms)
    lower, upper = question.interval()
    value, detail = float("nan"), "the canonical forms have other shapes, which proves nothing"
    if other is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            apart = _apart(forms[0], other, question.domain) + question.rounding
        apart = np.nan_to_num(apart, nan=np.inf)
        value = float(apart.max(initial=0.0))
        lower, upper = np.maximum(lower, -apart), np.minimum(upper, apart)
        detail = "what is left between matched units moves no score by more"
    verdict = question.verdict(lower, upper, None)
    check = Check(
        "canonical forms match",
        Status.HOLDS if verdict == "equal" else Status.UNDECIDED,
        value,
        float(question.tolerance.max(initial=0.0)),
        Exactness.BOUNDED,
        detail,
    )
    return Answer(verdict, lower, upper, None, (check,))


def _apart(a: ReluNetwork, b: ReluNetwork, box: Box) -> FloatArray:
    """How far the scores of two networks of one shape can lie apart over a box: (n_outputs,)."""
    bounds = interval_bounds(b, box)
    sizes = [np.maximum(np.abs(box.lower), np.abs(box.upper))]
    for lower, upper in zip(bounds.lower, bounds.upper, strict=True):
        sizes.append(np.maximum(np.abs(lower), np.abs(upper)))
    apart = np.zeros(a.n_inputs)
    for mine, theirs, size in zip(_maps(a), _maps(b), sizes, strict=True):
        change = np.abs(mine[0] - theirs[0]) @ size + np.abs(mine[1] - theirs[1])
        apart = np.abs(mine[0]) @ apart + change
    return apart


def _maps(network: ReluNetwork) -> list[tuple[FloatArray, FloatArray]]:
    """Weights and biases of every layer, the output map's last."""
    hidden = [(dense(layer.weight), layer.bias) for layer in network.layers]
    return [*hidden, (network.output.weight, network.output.bias)]
