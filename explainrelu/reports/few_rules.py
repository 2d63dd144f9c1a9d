"""A few rules in place of the network, for a report that is the same every time it is made."""

from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral
from typing import Any

import pandas as pd

from explainrelu.certificate import Certificate, Check
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplify import simplify
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["FEWEST_ROWS", "checked_few_rules", "few_rule_checks", "few_rule_tables", "few_rules_of"]

FEWEST_ROWS = 20
"""Fewer rows get no few rules: there is too little to fit them to and to measure them on."""


def checked_few_rules(few_rules: Any) -> int | None:
    """How many rules at most, None for no few rules.

    Raises
    ------
    InputTypeError
        For what is no whole number.
    ArgumentError
        For a number below one.

    Examples
    --------
    >>> checked_few_rules(6), checked_few_rules(None)
    (6, None)
    """
    if few_rules is None:
        return None
    said = (
        "few_rules must be a whole number of at least 1, or None to leave the few rules out, got "
        f"{few_rules!r}."
    )
    if isinstance(few_rules, bool) or not isinstance(few_rules, Integral):
        raise InputTypeError(said)
    if few_rules < 1:
        raise ArgumentError(said)
    return int(few_rules)


def few_rules_of(
    network: ReluNetwork,
    frame: pd.DataFrame,
    max_rules: int,
    *,
    output: Any,
    domain: Box | None,
    time_limit: float | None,
    random_state: int,
    tolerances: Tolerances,
) -> FewRules:
    """A few rules, with a proof that is the same in every run unless a time is given for it.

    Parameters
    ----------
    frame : (n_samples, n_columns)
        At least ``FEWEST_ROWS`` raw rows.
    domain
        What the proof is about; the smallest box around the rows where it does not hold them all.
    time_limit
        Seconds for the proof. None takes the clock out of it.

    Notes
    -----
    Without a clock the largest deviation over the regions visited is exact, by a linear program a
    region and rule, unless there are too many; over the whole domain it lies between a point
    that was seen, or climbed to from there, and a bound by back-substitution. Mixed-integer
    programs, which would often close that gap, stop at a moment that differs from run to run.
    """
    points = network.schema.encode(frame)
    if domain is not None and not domain.contains(points).all():
        domain = None
    return simplify(
        network,
        frame,
        max_rules=max_rules,
        domain=domain,
        output=output,
        proof="bounds" if time_limit is None else "search",
        time_limit=time_limit,
        random_state=random_state,
        tolerances=tolerances,
    )


def few_rule_tables(found: FewRules) -> dict[str, pd.DataFrame]:
    """Their tables, by the names of :mod:`explainrelu.reports.tables`."""
    return {
        "few_rules": found.to_frame(),
        "few_rule_conditions": found.conditions(),
        "few_rule_coefficients": found.coefficients(),
        "few_rule_deviations": found.deviations(),
        "few_rule_quality": found.quality,
        "few_rule_curve": found.trade_off(),
    }


def few_rule_checks(certificate: Certificate | None) -> Iterator[Check]:
    """The checks of few rules, named so."""
    for check in certificate.checks if certificate is not None else ():
        yield replace(check, name=f"few rules: {check.name}")
