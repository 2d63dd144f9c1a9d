"""What a validator expects of a model, and how far an audit goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from explainrelu.audits.actionability import Actionability
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.audits.verification.vnnlib import VnnlibProperty
from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema

__all__ = ["AuditLimits", "Expectations", "constraints_of"]

_DIRECTIONS = ("increasing", "decreasing")
_METRICS = ("accuracy", "auc", "log_loss", "r2", "mse")
_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Expectations:
    """What should hold of a model; each is held against what is found. All are optional.

    Attributes
    ----------
    performance
        Metric -> the least (``accuracy``, ``auc``, ``r2``) or the most (``log_loss``, ``mse``)
        that is acceptable on the rows audited.
    monotone
        Raw column -> ``increasing`` or ``decreasing``: how the score (of a classifier that of the
        favourable class) changes with the column, everywhere in the domain.
    protected
        Raw columns that must not decide: names, or a mapping to the values compared.
    max_flip_share
        The most rows whose class may change with protected columns alone; 0 also asks for the
        proof that no input of the domain does.
    group_difference, group_ratio
        Rate (``selection_rate``, ``true_positive_rate``, ``false_positive_rate``, ``accuracy``) ->
        the largest difference, or the smallest ratio, between groups.
    measurement_errors
        Numeric column -> the size of its measurement error.
    min_stable_share
        The least share of rows whose class no such error changes.
    min_recourse_share
        The least share of refused rows looked at that can reach the favourable class by changes
        that ``actionability`` admits.
    favourable
        The class that people want; the last one by default.
    actionability
        What people can change.
    min_rules_agreement
        The least share of decisions (of a regression: R2) that a few rules keep on rows not used
        to fit them.
    max_unseen_share, max_outside_share
        The most of the rows that may lie in regions, or outside ranges, of the training rows.
    properties
        Name -> :class:`OutputConstraints` that must hold at every row of the domain, or what
        :func:`read_vnnlib` read, which brings its own domain.

    Examples
    --------
    >>> Expectations(monotone={"income": "increasing"}, protected=["sex"]).protected
    ('sex',)
    """

    performance: Mapping[str, float] = field(default_factory=dict)
    monotone: Mapping[str, str] = field(default_factory=dict)
    protected: Any = ()
    max_flip_share: float | None = None
    group_difference: Mapping[str, float] = field(default_factory=dict)
    group_ratio: Mapping[str, float] = field(default_factory=dict)
    measurement_errors: Mapping[str, float] = field(default_factory=dict)
    min_stable_share: float | None = None
    min_recourse_share: float | None = None
    favourable: str | None = None
    actionability: Actionability | None = None
    min_rules_agreement: float | None = None
    max_unseen_share: float | None = None
    max_outside_share: float | None = None
    properties: Mapping[str, OutputConstraints | VnnlibProperty] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (
            ("performance", _METRICS), ("group_difference", _RATES), ("group_ratio", _RATES),
            ("measurement_errors", None),
        ):  # fmt: skip
            object.__setattr__(self, name, _figures(name, getattr(self, name), known))
        for name in ("monotone", "properties"):
            if not isinstance(getattr(self, name), Mapping):
                raise InputTypeError(f"{name} must be a mapping, got {getattr(self, name)!r}.")
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        odd = [value for value in self.monotone.values() if value not in _DIRECTIONS]
        if odd:
            raise ArgumentError(f"monotone must say {' or '.join(_DIRECTIONS)}, got {odd[0]!r}.")
        if isinstance(self.protected, str):
            object.__setattr__(self, "protected", (self.protected,))
        elif not isinstance(self.protected, Mapping):
            object.__setattr__(self, "protected", tuple(self.protected or ()))
        for name in (each.name for each in fields(self) if each.name.startswith(("min_", "max_"))):
            _check_share(name, getattr(self, name))
        for name, value in self.properties.items():
            if not isinstance(value, (OutputConstraints, VnnlibProperty)):
                raise InputTypeError(
                    f"Property {name!r} must be OutputConstraints, or what read_vnnlib read, got "
                    f"{type(value).__qualname__}."
                )

    @classmethod
    def from_mapping(cls, given: Any) -> Self:
        """Expectations from a plain mapping, such as a table of a TOML file.

        Raises
        ------
        InputTypeError
            For what is no mapping.
        ArgumentError
            For a word that is no expectation.
        """
        if isinstance(given, cls):
            return given
        parts = _known("expectations", given, {each.name for each in fields(cls)})
        if isinstance(parts.get("actionability"), Mapping):
            names = {each.name for each in fields(Actionability)}
            parts["actionability"] = Actionability(
                **_known("actionability", parts["actionability"], names)
            )
        return cls(**parts)

    def check(self, schema: InputSchema, outputs: OutputSchema) -> None:
        """Raise where an expectation is about a column, class or output that the model has not.

        Raises
        ------
        ColumnsError
            For an unknown column.
        ArgumentError
            For an unknown class or score.
        """
        names = {"monotone": self.monotone, "protected": self.protected,
                 "measurement_errors": self.measurement_errors}  # fmt: skip
        for what, columns in names.items():
            for column in columns:
                if str(column) not in schema.names:
                    raise ColumnsError(
                        f"expectations: {what} names {column!r}, which is no column of the model; "
                        f"they are {', '.join(schema.names)}."
                    )
        if self.favourable is not None and str(self.favourable) not in outputs.classes:
            known = ", ".join(outputs.classes) or "none"
            raise ArgumentError(
                f"expectations: favourable must be one of the classes ({known}), got "
                f"{self.favourable!r}."
            )
        if self.actionability is not None:
            self.actionability.check(schema)
        for name, required in self.properties.items():
            if isinstance(required, VnnlibProperty) and required.n_inputs != schema.n_inputs:
                raise ArgumentError(
                    f"expectations: property {name!r} is about {required.n_inputs} inputs, and "
                    f"the network has {schema.n_inputs}."
                )
            constraints_of(required).over(outputs)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AuditLimits:
    """How far an audit goes; what is not decided by then is ``undecided``.

    Attributes
    ----------
    time_limit
        Seconds, about, for each proof.
    max_regions
        Linear regions that are gone through at most in a proof.
    robustness_rows
        Rows whose distance from the decision boundary is measured.
    recourse_rows
        Refused rows for which the nearest change is sought.
    few_rules
        Rules of the short version of the model.
    shap_rows
        Rows compared with SHAP; 0 leaves the comparison out.
    random_state
        Seed of every draw.
    """

    time_limit: float = 20.0
    max_regions: int = 20_000
    robustness_rows: int = 100
    recourse_rows: int = 10
    few_rules: int = 6
    shap_rows: int = 100
    random_state: int = 0

    def __post_init__(self) -> None:
        if not _is_number(self.time_limit) or not 0 < float(self.time_limit) < np.inf:
            raise ArgumentError(
                f"limits: time_limit must be seconds above 0, got {self.time_limit!r}."
            )
        for name in ("max_regions", "robustness_rows", "recourse_rows", "few_rules"):
            if checked_limit(name, getattr(self, name)) is None:
                raise ArgumentError(f"limits: {name} must be a whole number, got None.")
        if self.shap_rows != 0:
            checked_limit("shap_rows", self.shap_rows)
        checked_seed(self.random_state)

    @classmethod
    def from_mapping(cls, given: Any) -> Self:
        """Limits from a plain mapping; raises as :meth:`Expectations.from_mapping` does."""
        if isinstance(given, cls):
            return given
        return cls(**_known("limits", given, {each.name for each in fields(cls)}))


def constraints_of(required: OutputConstraints | VnnlibProperty) -> OutputConstraints:
    """What must hold of the scores."""
    return required.output_constraints if isinstance(required, VnnlibProperty) else required


def _known(what: str, given: Any, names: set[str]) -> dict[str, Any]:
    """The entries of a mapping, none of them unknown."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputTypeError(f"{what} must be a mapping, got {type(given).__qualname__}.")
    odd = [str(name) for name in given if name not in names]
    if odd:
        raise ArgumentError(f"{what} has no entry {odd[0]!r}; it takes {', '.join(sorted(names))}.")
    return dict(given)


def _figures(name: str, given: Any, known: Sequence[str] | None) -> Mapping[str, float]:
    if not isinstance(given, Mapping):
        raise InputTypeError(f"{name} must be a mapping from a name to a number, got {given!r}.")
    for key, value in given.items():
        if known is not None and key not in known:
            raise ArgumentError(f"{name} knows {', '.join(known)}, got {key!r}.")
        if not _is_number(value) or not np.isfinite(float(value)):
            raise InputTypeError(f"{name}: {key} must be a number, got {value!r}.")
    return MappingProxyType({str(key): float(value) for key, value in given.items()})


def _check_share(name: str, value: Any) -> None:
    if value is None:
        return
    if not _is_number(value) or not 0 <= float(value) <= 1:
        raise ArgumentError(f"{name} must be a share from 0 to 1, got {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
