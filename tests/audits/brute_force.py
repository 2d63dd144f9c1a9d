"""Slow answers, one linear region after the other."""

import numpy as np
from scipy.optimize import linprog, nnls

from explainrelu.audits.boundary.decisions import decision_of
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions


def nearest_by_regions(
    network: ReluNetwork, x: np.ndarray, box: Box, norm: str, threshold: float | None
) -> float:
    """The distance of a point to where its class changes in a box, infinity where it does not."""
    decision = decision_of(network, None, threshold)
    own, best = int(decision.classes_of(x[None])[0]), np.inf
    regions = enumerate_regions(decision.network, box)
    for region, slopes, offsets in zip(regions, *regions.affine_maps(), strict=True):
        polytope = region.polytope()
        for k in range(len(decision.classes)):
            if k == own:
                continue
            form = slopes[own] - slopes[k]
            constant = offsets[own] - offsets[k]
            identity = np.eye(x.size)
            weight = np.vstack([polytope.weight, identity, -identity, form[None]])
            bound = np.concatenate([polytope.bound, box.upper, -box.lower, [-constant]])
            best = min(best, _least_step(weight, bound - weight @ x, norm))
    return best


def _least_step(weight: np.ndarray, bound: np.ndarray, norm: str) -> float:
    """The least norm of a step with ``weight @ step <= bound``."""
    n = weight.shape[1]
    if norm == "l2":  # least distance programming, Lawson and Hanson, chapter 23
        system = np.vstack([-weight.T, -bound[None]])
        target = np.r_[np.zeros(n), 1.0]
        residual = system @ nnls(system, target, maxiter=1000)[0] - target
        if np.linalg.norm(residual) < 1e-7:
            return np.inf
        return float(np.linalg.norm(residual[:n] / residual[n]))
    n_sizes = 1 if norm == "linf" else n
    sizes = np.ones((n, 1)) if norm == "linf" else np.eye(n)
    rows = np.vstack(
        [
            np.hstack([weight, np.zeros((weight.shape[0], n_sizes))]),
            np.hstack([np.eye(n), -sizes]),
            np.hstack([-np.eye(n), -sizes]),
        ]
    )
    found = linprog(
        np.r_[np.zeros(n), np.ones(n_sizes)],
        A_ub=rows,
        b_ub=np.r_[bound, np.zeros(2 * n)],
        bounds=[(None, None)] * n + [(0, None)] * n_sizes,
        options={"primal_feasibility_tolerance": 1e-10},
    )
    return float(found.fun) if found.status == 0 else np.inf


def slopes_by_regions(network: ReluNetwork, box: Box) -> np.ndarray:
    """The gradients of all linear regions: (n_regions, n_outputs, n_inputs)."""
    return enumerate_regions(network, box).affine_maps()[0]
