"""Every error explainrelu raises on purpose.

    ExplainReluError
    ├── ModelError (ValueError)              the model cannot be taken in
    │   ├── UnsupportedModelError            a step, node or activation outside the normal form
    │   ├── NotFittedModelError              an estimator that was never fitted
    │   ├── TrainingModeError                a torch module that is not in evaluation mode
    │   └── ImportCheckError                 the import does not reproduce the model's scores
    ├── DataError (ValueError)               the rows handed over do not fit the model
    │   ├── ColumnsError                     wrong names, order or number of columns
    │   ├── MissingValuesError               NaN where the pipeline imputes nothing
    │   └── UnknownLevelError                a category the pipeline refuses
    ├── ArgumentError (ValueError)           an option that is not one of those offered
    ├── InputTypeError (TypeError)           an object of a kind that is not accepted
    ├── UnlistedRegionError (ValueError)     points in no listed cell of a rewrite
    ├── ArchiveError (ValueError)            a file that is truncated, altered or not an archive
    ├── OutputError (RuntimeError)           a folder or file that cannot be written
    ├── SizeError (RuntimeError)             the result would not fit in memory
    ├── SolverError (RuntimeError)           a linear program ended without an answer
    └── MissingDependencyError (RuntimeError)  an optional package is not installed

The text of each says what was required, what was got and what to do.
"""

__all__ = [
    "ArchiveError",
    "ArgumentError",
    "ColumnsError",
    "DataError",
    "ExplainReluError",
    "ImportCheckError",
    "InputTypeError",
    "MissingDependencyError",
    "MissingValuesError",
    "ModelError",
    "NotFittedModelError",
    "OutputError",
    "SizeError",
    "SolverError",
    "TrainingModeError",
    "UnknownLevelError",
    "UnlistedRegionError",
    "UnsupportedModelError",
]


class ExplainReluError(Exception):
    """Base of every error raised on purpose by explainrelu."""


class ModelError(ExplainReluError, ValueError):
    """The model cannot be taken in."""


class UnsupportedModelError(ModelError):
    """A step, node or activation lies outside the piecewise-linear normal form."""


class NotFittedModelError(ModelError):
    """The estimator was never fitted."""


class TrainingModeError(ModelError):
    """A torch module is in training mode, where it is not one fixed function."""


class ImportCheckError(ModelError):
    """The imported network does not reproduce the model's own scores."""


class DataError(ExplainReluError, ValueError):
    """The rows handed over do not fit the model."""


class ColumnsError(DataError):
    """Column names, their order or their number are not the model's."""


class MissingValuesError(DataError):
    """A value is missing or not finite, and the pipeline imputes nothing there."""


class UnknownLevelError(DataError):
    """A category was never seen in training and the pipeline refuses unknown ones."""


class ArgumentError(ExplainReluError, ValueError):
    """An option is not one of those offered."""


class InputTypeError(ExplainReluError, TypeError):
    """An object is of a kind that is not accepted here."""


class UnlistedRegionError(ExplainReluError, ValueError):
    """Some points lie in no listed cell of a rewrite."""


class ArchiveError(ExplainReluError, ValueError):
    """A model file is truncated, altered, or not what its name says."""


class OutputError(ExplainReluError, RuntimeError):
    """A folder or file cannot be written."""


class SizeError(ExplainReluError, RuntimeError):
    """The result asked for would not fit in memory."""


class SolverError(ExplainReluError, RuntimeError):
    """A linear program ended without an answer."""


class MissingDependencyError(ExplainReluError, RuntimeError):
    """An optional package is needed and not installed."""
