"""Pictures of results, one a file, in the manner of scikit-learn's Display objects.

Unlike the records of this package a display is not frozen: ``plot`` leaves the axes it drew on
in ``ax_`` and ``figure_``, where people look for them.
"""
