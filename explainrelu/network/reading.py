"""Affine forms cut down to their largest terms, the others held at one point.

A term ``w_j x_j`` that is not shown stands at its value at the point ``p`` and so joins the
constant. Over a domain from ``l`` to ``u`` the terms held can then change the form by no more
than the larger of ``sum max(w_j (u_j - p_j), w_j (l_j - p_j))`` and the same downwards.
"""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.geometry.box import Box
from explainrelu.network.formula import (
    formula_text,
    linear_text,
    number_text,
    readable_form,
)
from explainrelu.network.schema import InputSchema

__all__ = ["Reading", "Term", "read"]

_NEGLIGIBLE = 0.02  # share of a form's whole swing over the domain that is not worth a term
_SMALL = 0.1  # of the swing of the terms shown: up to this the terms held are told as a bound


@dataclass(frozen=True, slots=True)
class Term:
    """``coefficient * name``, the name being a column or ``column = level``."""

    coefficient: float
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """``constant + terms``: exact with the others held, within ``slack`` in the whole domain.

    Attributes
    ----------
    constant
        With the terms that are held.
    terms
        The largest over the domain, largest first.
    n_held
        How many are held.
    slack
        The most they can change the form anywhere in the domain.
    nearly_all
        Whether that is little beside the terms shown.
    """

    constant: float
    terms: tuple[Term, ...]
    n_held: int
    slack: float
    nearly_all: bool

    def text(self, *, right: str = "") -> str:
        """The form written out; with ``right`` as a relation, the constant on the other side.

        ``age > 40 ± 0.3``: the terms that are held can move the right-hand side by at most 0.3
        anywhere in the domain. Where they can move it by much, they are counted instead.
        """
        names = [term.name for term in self.terms]
        weight = np.array([term.coefficient for term in self.terms])
        order = np.arange(weight.size, 0, -1) / np.abs(weight)  # as they stand: largest first
        note = ""
        if self.n_held:
            plural = "s" if self.n_held > 1 else ""
            counted = f" ({self.n_held} more term{plural}, held)"
            note = f" ± {number_text(self.slack, digits=2)}" if self.nearly_all else counted
        if right:
            left = linear_text(weight, names, scale=order)
            return f"{left} {right} {number_text(-self.constant)}{note}"
        return f"{formula_text(weight, self.constant, names, scale=order)}{note}"


def read(
    weight: FloatArray,
    bias: float,
    schema: InputSchema,
    domain: Box,
    *,
    at: FloatArray,
    max_terms: int,
) -> Reading:
    """The form ``weight @ x + bias`` by its largest terms.

    Parameters
    ----------
    weight : (n_inputs,)
    at : (n_inputs,)
        Where the terms not shown are held.
    max_terms
        At most so many terms; fewer where the others hardly move the form.

    Examples
    --------
    >>> schema, domain = InputSchema.numeric(["age", "dust"]), Box([20, 0], [60, 1])
    >>> found = read(np.array([2.0, 0.5]), 1.0, schema, domain, at=np.array([30, 1]), max_terms=3)
    >>> found.terms, found.constant, found.slack
    ((Term(coefficient=2.0, name='age'),), 1.5, 0.5)
    """
    weight, bias = readable_form(weight, bias, schema, domain)
    size = np.abs(weight) * domain.half_width
    shown = _largest(size, max_terms)
    rest = np.setdiff1d(np.flatnonzero(weight), shown)
    up, down = (weight[rest] * (end[rest] - at[rest]) for end in (domain.upper, domain.lower))
    slack = max(float(np.maximum(up, down).sum()), -float(np.minimum(up, down).sum()))
    names = schema.input_names
    return Reading(
        constant=bias + float(weight[rest] @ at[rest]),
        terms=tuple(Term(float(weight[i]), names[i]) for i in shown),
        n_held=int((size[rest] > 0).sum()),
        slack=slack,
        nearly_all=slack <= _SMALL * float(size[shown].sum()),
    )


def _largest(size: FloatArray, most: int) -> IntArray:
    """Positions of the largest terms, until the others are negligible together."""
    order = np.argsort(-size, kind="stable")[:most]
    left = size.sum() - np.cumsum(size[order])
    n_shown = 1 + int((left > _NEGLIGIBLE * size.sum()).sum())
    found: IntArray = order[:n_shown]
    return found[size[found] > 0]
