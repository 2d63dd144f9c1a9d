import numpy as np
import pytest
from scipy import sparse

from explainrelu.arrays import (
    applied,
    applied_to_rows,
    dense,
    entries,
    frozen_matrix,
    magnitudes,
)
from explainrelu.errors import ArgumentError


def sparse_rows(n: int = 300, share: float = 0.02) -> sparse.csr_array:
    return sparse.csr_array(sparse.random_array((n, n), density=share, rng=0) - 0.5 * sparse.eye(n))


def test_a_large_matrix_of_few_entries_is_kept_in_sparse_rows():
    rows = sparse_rows()
    assert sparse.issparse(frozen_matrix(rows, "weight"))
    assert sparse.issparse(frozen_matrix(rows.toarray(), "weight"))


@pytest.mark.parametrize("rows", [sparse_rows(20), sparse_rows(300, 0.5)], ids=["small", "full"])
def test_a_small_or_well_filled_matrix_is_dense(rows: sparse.csr_array):
    found = frozen_matrix(rows, "weight")
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, rows.toarray())


def test_both_forms_hold_the_same_numbers_and_compute_the_same():
    rows = sparse_rows()
    full, thin = rows.toarray(), frozen_matrix(rows, "weight")
    points = np.random.default_rng(1).normal(size=(5, 300))
    assert np.array_equal(dense(thin), full)
    assert np.allclose(applied_to_rows(thin, points), points @ full.T, rtol=0, atol=1e-12)
    assert np.allclose(applied(thin, points.T), full @ points.T, rtol=0, atol=1e-12)
    assert np.array_equal(dense(magnitudes(thin)), np.abs(full))


@pytest.mark.parametrize("form", [np.array, sparse.csr_array])
def test_it_is_a_copy_that_nobody_can_change(form):
    full = sparse_rows().toarray()
    given = form(full)
    found = frozen_matrix(given, "weight")
    entries(given)[:] = 7.0
    assert np.array_equal(dense(found), full)
    with pytest.raises(ValueError, match="read-only"):
        entries(found)[0] = 1.0


def test_zeros_that_are_stored_are_let_go():
    rows = sparse_rows()
    rows.data[:10] = 0.0
    found = frozen_matrix(rows, "weight")
    assert sparse.issparse(found)
    assert found.nnz == rows.nnz - 10


def test_numbers_that_are_not_finite_are_refused():
    rows = sparse_rows()
    rows.data[3] = np.nan
    with pytest.raises(ArgumentError, match="weight must hold finite numbers only"):
        frozen_matrix(rows, "weight")
