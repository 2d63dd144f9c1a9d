"""The command that proves or refutes a property of the scores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from operator import and_
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.audits.properties import PropertyResult, PropertyStatus, verify_property
from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.audits.verification.vnnlib import read_vnnlib
from explainrelu.certificate import Status
from explainrelu.command_line.console import Console, records
from explainrelu.command_line.inputs import Inputs, loaded, read_model
from explainrelu.command_line.layouts import folded, table_text
from explainrelu.command_line.mapping import levels_of
from explainrelu.command_line.options import number, passes, spoken
from explainrelu.command_line.table_files import table_writer
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema

__all__ = ["verify"]

_STATUS = {
    PropertyStatus.HOLDS: Status.HOLDS,
    PropertyStatus.VIOLATED: Status.FAILS,
    PropertyStatus.UNDECIDED: Status.UNDECIDED,
}
_SAID = {
    PropertyStatus.HOLDS: "Holds: no row of the domain violates it, proven.",
    PropertyStatus.VIOLATED: "VIOLATED: the row below violates it.",
    PropertyStatus.UNDECIDED: "Undecided: neither a proof nor a counterexample was found.",
}
_SPOKEN = {"time_limit": "--time-limit", "max_regions": "--max-regions"}

Part = tuple[Sequence[Box], OutputConstraints]


def verify(
    inputs: Inputs,
    console: Console,
    path: Path | None,
    *,
    vnnlib: Path | None,
    at_most: Sequence[str],
    at_least: Sequence[str],
    largest: Sequence[str],
    not_largest: Sequence[str],
    smallest: Sequence[str],
    not_smallest: Sequence[str],
    fixed: Sequence[str],
    margin: float,
    method: Any,
    max_regions: int | None,
    time_limit: float,
    seed: int,
    strict: bool,
) -> bool:
    """Hold a network to a property; True unless it is violated."""
    ranks = {"largest": largest, "not_largest": not_largest, "smallest": smallest,
             "not_smallest": not_smallest}  # fmt: skip
    asked = bool(at_most or at_least or any(ranks.values()))
    _check_call(inputs, vnnlib, asked=asked, placed=bool(fixed or margin))
    write = None if path is None else table_writer(path)
    network, box, note = _read(inputs, fixed, margin)
    if vnnlib is not None:
        parts = _parts_of(vnnlib, network)
    else:
        wanted = _constraints(network.outputs, at_most, at_least, ranks)
        parts = [([_needed(box)], wanted)]
    found, end = [], monotonic() + time_limit
    with spoken(**_SPOKEN), console.steps(len(parts)) as progress:
        for i, (domain, constraints) in enumerate(parts):
            if progress is not None:
                progress(i, "searching the domain")
            left = time_limit if i == 0 else max(1e-3, end - monotonic())
            found.append(
                verify_property(
                    network,
                    domain,
                    constraints,
                    method=method,
                    levels=vnnlib is None,
                    max_regions=max_regions,
                    time_limit=left,
                    random_state=seed,
                )
            )
            if found[-1].status is PropertyStatus.VIOLATED:
                break
    return _told(network, parts, found, console, path, write, note, strict=strict)


def _check_call(inputs: Inputs, vnnlib: Path | None, *, asked: bool, placed: bool) -> None:
    if vnnlib is not None and (asked or inputs.data is not None or placed):
        raise ArgumentError(
            "A file of --vnnlib says both where and what, got DATA or a property besides. Leave "
            "one of them out."
        )
    if vnnlib is None and not asked:
        raise ArgumentError(
            "A property is needed: --vnnlib FILE, or DATA and one or more of --at-most, "
            "--at-least, --largest, --not-largest, --smallest, --not-smallest."
        )
    if vnnlib is None and inputs.data is None:
        raise ArgumentError(
            "DATA is needed: rows (.csv or .parquet) around which the property is to hold. Only "
            "--vnnlib does without."
        )


def _read(
    inputs: Inputs, fixed: Sequence[str], margin: float
) -> tuple[ReluNetwork, Box | None, str]:
    if inputs.data is None:
        return import_model(read_model(inputs.model)), None, ""
    read = loaded(inputs)
    schema = read.network.schema
    box = Box.from_data(read.rows, margin=margin, schema=schema)
    return read.network, box.at_levels(schema, **levels_of(schema, fixed)), read.note


def _needed(box: Box | None) -> Box:
    if box is None:  # _check_call has refused it
        raise ArgumentError("DATA is needed.")
    return box


def _parts_of(path: Path, network: ReluNetwork) -> list[Part]:
    asked = read_vnnlib(path)
    own = (network.n_inputs, network.n_outputs)
    if (asked.n_inputs, asked.n_outputs) != own:
        raise ArgumentError(
            f"{str(path)!r} declares {asked.n_inputs} inputs and {asked.n_outputs} outputs; the "
            f"network has {own[0]} and {own[1]}. Take the file that was written for it."
        )
    return [(part.domain, part.output_constraints) for part in asked.parts]


def _constraints(
    outputs: OutputSchema,
    at_most: Sequence[str],
    at_least: Sequence[str],
    ranks: dict[str, Sequence[str]],
) -> OutputConstraints:
    """Everything that was asked for, all of which must hold."""
    found = [OutputConstraints.at_most(*_bound("--at-most", t, outputs)) for t in at_most]
    found += [OutputConstraints.at_least(*_bound("--at-least", t, outputs)) for t in at_least]
    makers: dict[str, Callable[..., OutputConstraints]] = {
        "largest": OutputConstraints.largest,
        "not_largest": OutputConstraints.not_largest,
        "smallest": OutputConstraints.smallest,
        "not_smallest": OutputConstraints.not_smallest,
    }
    for rank, names in ranks.items():
        for name in names:
            option = f"--{rank.replace('_', '-')}"
            if len(outputs.names) < 2:
                raise ArgumentError(
                    f"{option} compares several scores, got a model with one, "
                    f"{outputs.names[0]}. Bound it by --at-most or --at-least."
                )
            found.append(makers[rank](_known(option, name, outputs), among=outputs.names))
    return reduce(and_, found)


def _bound(option: str, text: str, outputs: OutputSchema) -> tuple[str, float]:
    """``NAME=NUMBER``, or the number alone where there is one score."""
    name, equals, value = text.rpartition("=")
    if not equals and len(outputs.names) > 1:
        raise ArgumentError(
            f"{option} takes NAME=NUMBER where there are several scores "
            f"({', '.join(outputs.names[:8])}), got {text!r}."
        )
    known = _known(option, name, outputs) if equals else outputs.names[0]
    bound = number(option, name, value)
    if not np.isfinite(bound):
        raise ArgumentError(f"{option} takes a finite number, got {value!r}.")
    return known, bound


def _known(option: str, name: str, outputs: OutputSchema) -> str:
    known = tuple(dict.fromkeys((*outputs.names, *outputs.classes)))
    if name not in known:
        raise ArgumentError(f"{option} must name one of {', '.join(known[:8])}, got {name!r}.")
    return name


# ---------------------------------------------------------------------------------------------
# What is said.


def _told(
    network: ReluNetwork,
    parts: Sequence[Part],
    found: Sequence[PropertyResult],
    console: Console,
    path: Path | None,
    write: Callable[[pd.DataFrame], None] | None,
    note: str,
    *,
    strict: bool,
) -> bool:
    status = _whole([result.status for result in found])
    table = pd.concat([result.to_frame() for result in found], ignore_index=True)
    console.note(note) if note else None
    console.say(_text(network, parts, found, status))
    if write is not None:
        write(table)
        console.note(f"\nWrote {len(table)} rows to {path}.")
    last = found[-1]
    witness = [] if last.witness_frame is None else records(last.witness_frame)
    scores = last.witness_scores
    console.data(
        {
            "status": str(status),
            "holds": status is PropertyStatus.HOLDS,
            "decided_by": ", ".join(dict.fromkeys(r.decided_by for r in found if r.decided_by)),
            "reason": "; ".join(dict.fromkeys(r.reason for r in found if r.reason)),
            "alternatives": records(table),
            "witness": witness[0] if witness else None,
            "witness_inputs": None if last.witness is None else last.witness.tolist(),
            "witness_scores": None if scores is None else scores.tolist(),
            "seconds": sum(result.seconds for result in found),
            "certificate": [r for part in found for r in records(part.certificate.to_frame())],
        }
    )
    return console.holds(network.certificate) and passes(_STATUS[status], strict=strict)


def _whole(states: Sequence[PropertyStatus]) -> PropertyStatus:
    """The property holds where that of every part does."""
    for status in (PropertyStatus.VIOLATED, PropertyStatus.UNDECIDED):
        if status in states:
            return status
    return PropertyStatus.HOLDS


def _text(
    network: ReluNetwork,
    parts: Sequence[Part],
    found: Sequence[PropertyResult],
    status: PropertyStatus,
) -> str:
    seconds = sum(result.seconds for result in found)
    decisive = [r for r in found if r.status is status]
    how = ", ".join(dict.fromkeys(r.decided_by for r in decisive if r.decided_by))
    lines = [_SAID[status], f"  {f'by {how}, ' if how else ''}in {seconds:.1f} s"]
    lines += [f"  {reason}" for reason in dict.fromkeys(r.reason for r in decisive if r.reason)]
    if len(parts) > 1:
        lines.append(f"  {len(found)} of the file's {len(parts)} parts were looked at")
    blocks = [folded("\n".join(lines), width=80), _alternatives_text(network, parts, found)]
    last = found[-1]
    if status is PropertyStatus.VIOLATED and last.witness is not None:
        blocks.append(_witness_text(network, last))
    return "\n\n".join(blocks)


def _alternatives_text(
    network: ReluNetwork, parts: Sequence[Part], found: Sequence[PropertyResult]
) -> str:
    """What would violate the property, and how far the scores keep from it."""
    lines = []
    for (_, constraints), result in zip(parts, found, strict=False):  # those looked at
        for alternative, bounds in zip(constraints.alternatives, result.bounds, strict=True):
            said = " and ".join(_words(each, network.outputs.names) for each in alternative)
            lines += [f"  {said}", f"    {_missed(*bounds)}"]
    title = "Violated where" if len(lines) == 2 else "Violated where one of these holds"
    return folded("\n".join([title, *lines]), width=80, hang=6)


def _missed(lower: float, upper: float) -> str:
    """How near the scores come to an alternative, proven and seen."""
    if upper <= 0:
        return f"met at a row with {-upper:.6g} to spare; nowhere with more than {-lower:.6g}"
    seen = f"; by {upper:.6g} at the nearest row seen" if np.isfinite(upper) else ""
    if lower > 0:
        return f"missed everywhere by at least {lower:.6g}{seen}"
    return f"open: missed by at least {lower:.6g}{seen}"


def _words(constraint: LinearConstraint, names: Sequence[str]) -> str:
    """A constraint as a person would write it.

    Examples
    --------
    >>> _words(LinearConstraint(((0, -1.0),), -20.0, strict=True), ["risk"])
    'risk > 20'
    >>> _words(LinearConstraint(((0, 1.0), (1, -1.0)), 0.0), ["a", "b"])
    'a <= b'
    """
    terms = [(n if isinstance(n, str) else names[int(n)], c) for n, c in constraint.terms]
    sign = "<" if constraint.strict else "<="
    first, size = terms[0]
    if constraint.bound == 0 and sorted(c for _, c in terms) == [-1.0, 1.0]:
        second = terms[1][0]
        return f"{first} {sign if size > 0 else sign.replace('<', '>')} {second}"
    if len(terms) == 1 and size in (1.0, -1.0):
        turned = sign if size > 0 else sign.replace("<", ">")
        return f"{first} {turned} {size * constraint.bound:.12g}"
    return str(replace(constraint, terms=tuple(terms)))


def _witness_text(network: ReluNetwork, result: PropertyResult) -> str:
    if result.witness_frame is not None:
        values = [[str(k), str(v)] for k, v in result.witness_frame.iloc[0].items()]
    else:
        inputs = np.zeros(0) if result.witness is None else result.witness
        names = network.schema.input_names
        values = [[name, repr(float(v))] for name, v in zip(names, inputs, strict=True)]
    raw = np.zeros(0) if result.witness_scores is None else result.witness_scores
    scores = [[name, f"{v:.9g}"] for name, v in zip(network.outputs.names, raw, strict=True)]
    row = table_text(["column", "value"], values, "<<")
    return f"A row\n{row}\n\n{table_text(['score', 'value'], scores, '<<')}"
