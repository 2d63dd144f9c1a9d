"""Every ATen operator that can be read: the tables of this room in one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from explainrelu.importers.torch_graph.aten_choices import CHOICES
from explainrelu.importers.torch_graph.aten_elementwise import ELEMENTWISE
from explainrelu.importers.torch_graph.aten_matrices import MATRICES
from explainrelu.importers.torch_graph.aten_reductions import REDUCTIONS
from explainrelu.importers.torch_graph.aten_shapes import SHAPES
from explainrelu.importers.torch_graph.aten_windows import WINDOWS
from explainrelu.importers.torch_graph.writing import Value

__all__ = ["ATEN"]

ATEN: Mapping[str, Callable[..., Value | tuple[Value, ...]]] = MappingProxyType(
    dict(
        sorted(
            {
                **CHOICES,
                **ELEMENTWISE,
                **MATRICES,
                **REDUCTIONS,
                **SHAPES,
                **WINDOWS,
            }.items()
        )
    )
)
"""Operator name -> the function that reads it. The first line of its docstring says what it
computes: its row in the table of supported operators."""
