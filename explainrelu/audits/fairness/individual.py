"""Can any input change its class when only protected columns change? A witness, or a proof."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, dense
from explainrelu.audits.fairness.alternatives import Alternatives, alternatives_of
from explainrelu.audits.fairness.flips import Flips, flips_of
from explainrelu.audits.fairness.twin import Twin, twin_of
from explainrelu.audits.properties import PropertyResult, PropertyStatus, verify_property
from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import DataError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.extremes import ScoreRange, extremes
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["IndividualFairness", "individual_fairness"]

_STATUS = {
    PropertyStatus.HOLDS: Status.HOLDS,
    PropertyStatus.VIOLATED: Status.FAILS,
    PropertyStatus.UNDECIDED: Status.UNDECIDED,
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IndividualFairness:
    """Whether a change of protected columns alone can change a class.

    Attributes
    ----------
    protected
        The protected columns and the values compared; no value of a column that is no input.
    verdict
        The proof, the counterexample, or what is known of neither: over the twin of the network
        (:func:`explainrelu.audits.fairness.twin.twin_of`). None where a data row settles it, where
        the network does not read the protected values, and where there are no classes.
    witness
        Two raw rows, ``as it is`` and ``changed``, that differ in protected columns only and in
        their class; None where there are none.
    effect
        The largest change of the score by protected columns alone, with bounds; None for several
        outputs, and where no protected column reaches a unit.
    rows
        One row a data row: ``row flips protected changed_to score score_changed largest_change
        exactness``.
    decides
        Whether the model decides between classes; else ``status`` is undecided.
    reads
        Whether some unit weighs the protected values differently; else they change nothing.
    """

    protected: tuple[Alternatives, ...]
    verdict: PropertyResult | None
    witness: pd.DataFrame | None
    effect: ScoreRange | None
    rows: pd.DataFrame
    decides: bool = True
    reads: bool = True

    def __repr__(self) -> str:
        names = ", ".join(each.column.name for each in self.protected)
        share = float(self.rows["flips"].mean())
        return f"IndividualFairness({names}: {self.status}, {share:.1%} of the rows flip)"

    @property
    def status(self) -> Status:
        """``holds``: no row of the domain changes its class. ``fails``: the witness does."""
        if self.decides and bool(self.rows["flips"].any()):
            return Status.FAILS
        if self.decides and not self.reads:
            return Status.HOLDS
        return Status.UNDECIDED if self.verdict is None else _STATUS[self.verdict.status]

    @property
    def largest_effect(self) -> float:
        """No protected change moves the score by more; NaN for several outputs."""
        if not self.reads:
            return 0.0
        return float("nan") if self.effect is None else max(self.effect.upper, -self.effect.lower)

    @property
    def certificate(self) -> Certificate:
        """The verdict as a check."""
        names = " and ".join(each.column.name for each in self.protected)
        if not self.decides:
            return Certificate()
        if not self.reads:
            verb = "reach" if len(self.protected) > 1 else "reaches"
            detail = f"{names} {verb} no unit of the network"
        else:
            detail = f"values compared: {'; '.join(each.words for each in self.protected)}"
        if self.verdict is not None and self.verdict.reason:
            detail += f". {self.verdict.reason}"
        check = Check(
            f"no input changes its class with {names} alone",
            self.status,
            float(self.rows["flips"].mean()),
            0.0,
            Exactness.BOUNDED if self.status is Status.UNDECIDED else Exactness.EXACT,
            detail,
        )
        return Certificate((check,))

    def to_frame(self) -> pd.DataFrame:
        """One row a data row."""
        return self.rows


def individual_fairness(
    model: Any,
    X: Any,
    *,
    protected: Any,
    domain: Box | None = None,
    time_limit: float | None = 60.0,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> IndividualFairness:
    """Whether any input changes its class when only its protected columns change.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows: each is tried with every value of the protected columns, and they set the domain.
    protected
        Raw columns, by name, or a mapping from a name to the values to compare: levels, numbers,
        or a pair ``(lower, upper)`` for every number between. All combinations count.
    domain
        The box over the encoded inputs that the verdict is about; by default the smallest around
        the rows, wherein every combination of levels counts, also such as no row has.
    time_limit
        Seconds for the verdict, and as many for the largest effect.
    random_state
        Seed of the rows that the search starts from; it changes no verdict that is proven.

    Returns
    -------
    IndividualFairness
        ``.status .witness .rows .effect .certificate``.

    Raises
    ------
    ColumnsError, ArgumentError, InputTypeError
        For protected columns that the model does not have, and values they cannot take.
    ModelError, DataError
        Where the model or the rows cannot be taken in.

    Notes
    -----
    The rows are exact: every value is tried, an interval piece by piece along its line. The verdict
    is proven with rounding included, or comes with a witness that the network itself replays;
    ``undecided`` is neither. Of several classes a change counts where each of the two classes
    leads strictly. What other columns tell of the protected ones (proxies) does not count here:
    they stay as they are.

    References
    ----------
    S. Biswas, H. Rajan, "Fairify: fairness verification of neural networks", ICSE 2023.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[0.0], [-1.0]])
    >>> rows = [[0.5, 0.0], [2.0, 1.0], [0.0, 1.0]]
    >>> found = individual_fairness(network, rows, protected=["x1"])
    >>> str(found.status), found.largest_effect < 1e-6
    ('holds', True)
    """
    network = import_model(model, X, tolerances=tolerances)
    numbers = network.schema.numbers(X)
    box = Box.from_data(network.schema.spread(numbers)) if domain is None else domain
    check_domain(box, network.n_inputs, network.schema)
    found = alternatives_of(protected, network.schema, numbers, box)
    used = tuple(each for each in found if _reads(network, each))
    flips = flips_of(network, numbers, used, tolerances)
    if not used:
        rows = flips.frame.assign(protected=" and ".join(each.column.name for each in found))
        return IndividualFairness(found, None, None, None, rows, _decides(network), reads=False)
    twin = twin_of(network, box, used)
    shared: dict[str, Any] = {"random_state": random_state, "tolerances": tolerances}
    verdict = None
    inside = bool(box.contains(network.schema.spread(numbers)).all())
    settled = flips.clearest >= 0 and inside  # a row of the domain shows it: nothing to search
    if not settled and _decides(network):
        constraints = _no_change(network, twin)
        verdict = verify_property(
            twin.network, twin.domain, constraints, time_limit=time_limit, **shared
        )
    effect = None
    if network.n_outputs == 1:
        names = twin.network.outputs.names
        effect = extremes(
            twin.network, twin.domain, output=(names[1], names[0]), time_limit=time_limit, **shared
        )
    return IndividualFairness(
        protected=found,
        verdict=verdict,
        witness=_witness(network, twin, verdict, flips, numbers) if _decides(network) else None,
        effect=effect,
        rows=flips.frame,
        decides=_decides(network),
    )


def _decides(network: ReluNetwork) -> bool:
    """Whether there is one class a row, which a change could change."""
    return network.outputs.task not in (Task.REGRESSION, Task.MULTILABEL)


def _reads(network: ReluNetwork, each: Alternatives) -> bool:
    """Whether some unit of the first layer weighs the values of a protected column differently."""
    first = network.layers[0].weight if network.layers else network.output.weight
    inputs = list(network.schema.groups[each.column.name])
    if not inputs:
        return False
    part = dense(first[:, inputs])
    if each.column.kind is ColumnKind.CATEGORICAL:
        levels = part[:, each.numbers.astype(np.int64)]
        part = levels - levels[:, :1]
    return bool(part.any())


def _no_change(network: ReluNetwork, twin: Twin) -> OutputConstraints:
    """The property that both copies have the same class; symmetric, so one order is enough."""
    n = network.n_outputs
    if n == 1:
        return OutputConstraints.violated_when(
            (_below(((0, -1.0),), strict=True), _below(((1, 1.0),), strict=False))
        )
    alternatives = []
    for c, d in combinations(range(n), 2):
        first = [_below(((o, 1.0), (c, -1.0)), strict=True) for o in range(n) if o != c]
        other = [_below(((n + o, 1.0), (n + d, -1.0)), strict=True) for o in range(n) if o != d]
        alternatives.append((*first, *other))
    return OutputConstraints.violated_when(*alternatives)


def _below(terms: tuple[tuple[int, float], ...], *, strict: bool) -> LinearConstraint:
    return LinearConstraint(terms, 0.0, strict)


def _witness(
    network: ReluNetwork,
    twin: Twin,
    verdict: PropertyResult | None,
    flips: Flips,
    numbers: FloatArray,
) -> pd.DataFrame | None:
    """A row as it is and changed: one of the data where some flips, else what the search found."""
    schema, place = network.schema, flips.clearest
    if place >= 0:
        pair = schema.spread(np.stack([numbers[place], flips.changed[place]]))
    elif verdict is not None and verdict.witness is not None:
        pair = np.stack(twin.rows(verdict.witness))
    else:
        return None
    try:
        return schema.decode(pair).set_axis(["as it is", "changed"])
    except DataError:
        return None
