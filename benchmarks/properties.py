"""Verdicts on ACAS Xu: properties 1 to 4 on published networks, one thread.

    python benchmarks/properties.py --data FOLDER

FOLDER holds ``acasxu_properties.json`` (boxes, constraints, known verdicts) and ``nets/acasxu``
with the ONNX files. Each verdict is compared with the known one, and each witness is replayed; a
wrong one ends the script.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from explainrelu.audits.properties import PropertyResult, verify_property
from explainrelu.audits.verification.constraints import LinearConstraint, OutputConstraints
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model


def constraint(text: str) -> LinearConstraint:
    """``y0 <= y1`` or ``y0 >= 1.5``."""
    left, sign, right = text.split()
    if sign == ">=":
        left, right = right, left
    terms: list[tuple[str | int, float]] = []
    bound = 0.0
    for side, factor in ((left, 1.0), (right, -1.0)):
        if side.startswith("y"):
            terms.append((int(side[1:]), factor))
        else:
            bound -= factor * float(side)
    return LinearConstraint(tuple(terms), bound)


def verified(path: Path, told: dict[str, Any], limit: float) -> PropertyResult:
    """The verdict on one network."""
    network = import_model(str(path))
    box = Box(told["input_lower"], told["input_upper"])
    unsafe = [constraint(text) for text in told["violated_when_all_hold"]]
    property_ = OutputConstraints.violated_when(unsafe)
    found = verify_property(network, box, property_, time_limit=limit)
    if found.witness is not None:
        [part] = property_.over(network.outputs)
        assert box.contains(found.witness[None])[0]
        assert part.excess(network.forward(found.witness[None]))[0] <= 0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--time-limit", type=float, default=300.0)
    options = parser.parse_args()
    known = json.loads((options.data / "acasxu_properties.json").read_text())
    print("| network | property | verdict | s | CPU s | decided by | boxes | regions |")
    print("|---|---|---|---|---|---|---|---|")
    for case in known["verdicts"]:
        path = options.data / "nets" / "acasxu" / f"{case['network']}.onnx"
        start = time.process_time()
        found = verified(path, known["properties"][case["property"]], options.time_limit)
        assert found.status in (case["verdict"], "undecided"), (case, found.status)
        spent = time.process_time() - start
        name, number = case["network"][13:16], case["property"][-1]
        print(
            f"| {name} | {number} | {found.status} | {found.seconds:.2f} | {spent:.2f} "
            f"| {found.decided_by} | {found.boxes_searched:,} | {found.regions_searched:,} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
