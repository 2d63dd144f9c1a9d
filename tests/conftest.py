"""The conditions under which every test runs."""

import os

# Before NumPy and matplotlib are imported: one thread a worker, and no window ever opens.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings

# The same examples on every run, and no deadline: the first call may compile a kernel.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
