"""What a file does behind its scores: class labels, probabilities of both classes, dictionaries.

A classifier exported by skl2onnx gives a label (ArgMax, ArrayFeatureExtractor) and probabilities
(Softmax; or the pair ``1 - p, p`` with ``p = Sigmoid(score)``), these perhaps as a dictionary
(ZipMap). None of that is read: it is followed back to the value that is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explainrelu.errors import ArgumentError
from explainrelu.importers.onnx_graph.learned import is_binary
from explainrelu.importers.onnx_graph.weights import Array
from explainrelu.network.outputs import Link, OutputSchema, Task

__all__ = ["Tail", "chosen_output", "output_schema", "tail_of"]

_PASSING = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


@dataclass(frozen=True, slots=True)
class Tail:
    """Where reading begins, and what was cut off behind it.

    Attributes
    ----------
    value
        The value that is read.
    classes
        The classes by name, where the file says them.
    cut
        The operators behind the value that are not read.
    """

    value: str
    classes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def chosen_output(names: Sequence[str], output: str | None) -> str:
    """The name of the output to read: the one asked for, else the first.

    Raises
    ------
    ArgumentError
        Where the file has no such output.
    """
    if output is None:
        return names[0]
    if output not in names:
        raise ArgumentError(
            f"output= must be one of {', '.join(map(repr, names))}, got {output!r}."
        )
    return output


def tail_of(
    nodes: Mapping[str, Any], attributes: Any, texts: Mapping[str, Array], output: str
) -> Tail:
    """Follow an output back to the value that is read.

    Parameters
    ----------
    nodes
        Value name -> the NodeProto that gives it.
    attributes
        Gives the attributes of a node as Python values.
    texts
        Stored tensors that may hold class labels, by name.
    output
        The output of the file.
    """
    walk = _Walk(nodes, attributes, texts)
    value = walk.behind_labels(output)
    value = walk.behind_pair(value)
    return Tail(value, tuple(walk.classes), tuple(walk.cut))


def output_schema(
    outputs: OutputSchema, classes: tuple[str, ...], *, regression: bool
) -> OutputSchema:
    """Names of the outputs as the import from scikit-learn gives them, where the file says them.

    Parameters
    ----------
    outputs
        The outputs, named by their numbers, with their link.
    classes
        The classes that the file names; empty where it names none.
    regression
        Whether a model without classes and link is a regressor.
    """
    n_outputs, link = len(outputs.names), outputs.link
    if not classes and regression and link is Link.identity:
        several = tuple(f"output {i}" for i in range(n_outputs))
        return OutputSchema(("prediction",) if n_outputs == 1 else several, Task.REGRESSION)
    if n_outputs == 1 and len(classes) == 2:
        return OutputSchema((classes[-1],), Task.BINARY, link, classes)
    if n_outputs != len(classes):
        return outputs
    tasks = {Link.identity: Task.SCORE, Link.logistic: Task.MULTILABEL}
    return OutputSchema(classes, tasks.get(link, Task.MULTICLASS), link, classes)


class _Walk:
    """A walk from an output towards the input, noting what it passes."""

    def __init__(self, nodes: Mapping[str, Any], attributes: Any, texts: Mapping[str, Array]):
        self.nodes, self.attributes, self.texts = nodes, attributes, texts
        self.classes: list[str] = []
        self.cut: list[str] = []

    def through(self, value: str) -> str:
        """The value behind conversions and reshapes that change no number."""
        while value in self.nodes and self.nodes[value].op_type in _PASSING:
            value = self.nodes[value].input[0]
        return value

    def behind_labels(self, value: str) -> str:
        """The scores or probabilities from which labels or dictionaries are made."""
        while True:
            start = self.through(value)
            node = self.nodes.get(start)
            op = "" if node is None else node.op_type
            if node is None or op not in _LABELS:
                return value
            if op == "LinearClassifier" or (op == "Normalizer" and not self._of_one(node)):
                self._note_classes(node if op == "LinearClassifier" else None)
                return node.output[1] if op == "LinearClassifier" else value
            if op == "ArrayFeatureExtractor" and not self._labels(node):
                return value
            if op == "ZipMap":
                self._note_classes(node)
            self.cut.append(op)
            value = node.input[1] if op == "ArrayFeatureExtractor" else node.input[0]

    def behind_pair(self, value: str) -> str:
        """``p`` where the value is the pair ``1 - p, p`` with ``p`` a sigmoid."""
        node = self.nodes.get(self.through(value))
        if node is None or node.op_type != "Concat" or len(node.input) != 2:
            return value
        rest, p = (self.through(name) for name in node.input)
        complement, origin = self.nodes.get(rest), self.nodes.get(p)
        if complement is None or origin is None or origin.op_type != "Sigmoid":
            return value
        if complement.op_type != "Sub" or self.through(complement.input[1]) != p:
            return value
        one = self.texts.get(complement.input[0])
        if one is None or one.size != 1 or float(one.reshape(-1)[0]) != 1.0:
            return value
        self.cut.append("Concat of 1 - p and p")
        return p

    def _labels(self, node: Any) -> bool:
        """Whether an ArrayFeatureExtractor looks a label up; its labels are noted."""
        labels, position = self.texts.get(node.input[0]), self.through(node.input[1])
        index = self.nodes.get(position)
        if labels is None or index is None or index.op_type not in ("ArgMax", "Binarizer"):
            return False
        if not self.classes:
            self.classes += [_text(label) for label in labels.reshape(-1).tolist()]
        return True

    def _of_one(self, node: Any) -> bool:
        """Whether a Normalizer only divides by a sum that is 1 already."""
        before = self.nodes.get(self.through(node.input[0]))
        if self.attributes(node).get("norm", b"MAX") != b"L1" or before is None:
            return False
        if before.op_type != "LinearClassifier":
            return str(before.op_type) == "Softmax"
        given = self.attributes(before)
        softmax = given.get("post_transform") == b"SOFTMAX"
        return softmax or is_binary(given, len(_classes(given)))

    def _note_classes(self, node: Any) -> None:
        if node is not None and not self.classes:
            self.classes += _classes(self.attributes(node))


_LABELS = frozenset(
    {"ArgMax", "ArrayFeatureExtractor", "Binarizer", "LinearClassifier", "Normalizer", "ZipMap"}
)


def _classes(attributes: Mapping[str, Any]) -> list[str]:
    names = ("classlabels_strings", "classlabels_ints", "classlabels_int64s")
    found = next((attributes[name] for name in names if attributes.get(name)), ())
    return [_text(label) for label in found]


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)
