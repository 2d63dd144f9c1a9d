"""A fitted scikit-learn transformer folded into raw columns, one short function each.

Every function takes the folding, the fitted transformer, the features that go in and where
it stands (for error texts), and returns the features that come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import NotFittedModelError, UnsupportedModelError
from explainrelu.importers.features import AffineFeature, Feature, Folding, RawFeature
from explainrelu.network.column import Column, ColumnKind, Level

__all__ = ["fold", "is_sklearn_class", "supported_transformers"]

Fold = Callable[[Folding, Any, list[Feature], str], list[Feature]]


def fold(folding: Folding, transformer: Any, features: list[Feature], where: str) -> list[Feature]:
    """Fold one fitted transformer.

    Parameters
    ----------
    folding
        What is known of the raw columns; settled further in place.
    transformer
        A fitted scikit-learn transformer, ``"passthrough"``, ``"drop"`` or None.
    features
        What goes in.
    where
        The step's name in the pipeline.

    Returns
    -------
    list of Feature
        What comes out: exactly what the transformer computes, as affine combinations.

    Raises
    ------
    UnsupportedModelError
        For a transformer that is not affine, by name and with what to do.
    NotFittedModelError
        For a transformer that was not fitted.
    """
    if transformer is None or transformer == "passthrough":
        return features
    if transformer == "drop":
        return []
    name = type(transformer).__name__
    if _is_selector(transformer):
        return _selector(folding, transformer, features, where)
    if not is_sklearn_class(transformer) or name not in _FOLDS:
        raise UnsupportedModelError(
            f"Every step before the network must be affine in the raw columns, one of "
            f"{', '.join(supported_transformers())} or a feature selector; got {name} at {where!r}."
            f"{_ADVICE.get(name, '')} Or apply that step to the table first and explain the rest."
        )
    try:
        result = _FOLDS[name](folding, transformer, features, where)
    except AttributeError as error:
        raise NotFittedModelError(
            f"{name} at {where!r} must be fitted, got one without {error.name!r}. Call fit first."
        ) from error
    if name not in _CONTAINERS:
        folding.folded.append(f"{where}: {name}")
    return result


def supported_transformers() -> tuple[str, ...]:
    """Names of the scikit-learn transformers that can be folded (selectors besides)."""
    return tuple(sorted(_FOLDS))


def is_sklearn_class(thing: Any) -> bool:
    """Whether an object's own class is scikit-learn's (a subclass may compute otherwise)."""
    return type(thing).__module__.split(".")[0] == "sklearn"


def _is_selector(thing: Any) -> bool:
    """Whether an object keeps or drops columns by scikit-learn's own ``transform``."""
    for base in type(thing).__mro__:
        if base.__name__ == "SelectorMixin" and base.__module__.startswith("sklearn."):
            return True
        if "transform" in vars(base):
            return False  # an own transform may do anything
    return False


def _scale(
    folding: Folding,
    features: Sequence[Feature],
    where: str,
    factor: FloatArray | float,
    shift: FloatArray | float,
) -> list[Feature]:
    numeric = folding.numeric(features, where)
    factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), len(numeric))
    shifts = np.broadcast_to(np.asarray(shift, dtype=np.float64), len(numeric))
    return [f.scaled(float(a), float(b)) for f, a, b in zip(numeric, factors, shifts, strict=True)]


def _standard_scaler(
    folding: Folding, scaler: Any, features: list[Feature], where: str
) -> list[Feature]:
    scale = 1.0 if scaler.scale_ is None else np.asarray(scaler.scale_, dtype=np.float64)
    mean = 0.0 if not scaler.with_mean else np.asarray(scaler.mean_, dtype=np.float64)
    return _scale(folding, features, where, 1.0 / scale, -mean / scale)


def _min_max_scaler(
    folding: Folding, scaler: Any, features: list[Feature], where: str
) -> list[Feature]:
    if scaler.clip:
        raise UnsupportedModelError(
            f"MinMaxScaler at {where!r} must not clip, got clip=True. Refit with clip=False: the "
            "network then sees values outside the training range as they are."
        )
    return _scale(folding, features, where, scaler.scale_, scaler.min_)


def _max_abs_scaler(
    folding: Folding, scaler: Any, features: list[Feature], where: str
) -> list[Feature]:
    if getattr(scaler, "clip", False):
        raise UnsupportedModelError(
            f"MaxAbsScaler at {where!r} must not clip. Refit with clip=False."
        )
    return _scale(folding, features, where, 1.0 / np.asarray(scaler.scale_, dtype=np.float64), 0.0)


def _robust_scaler(
    folding: Folding, scaler: Any, features: list[Feature], where: str
) -> list[Feature]:
    scale = 1.0 if scaler.scale_ is None else np.asarray(scaler.scale_, dtype=np.float64)
    centre = 0.0 if scaler.center_ is None else np.asarray(scaler.center_, dtype=np.float64)
    return _scale(folding, features, where, 1.0 / scale, -centre / scale)


def _project(
    folding: Folding, features: list[Feature], where: str, weight: FloatArray, shift: FloatArray
) -> list[Feature]:
    """``weight @ features + shift`` as new features."""
    numeric = folding.numeric(features, where)
    atoms = list(dict.fromkeys(atom for feature in numeric for atom in feature.terms))
    position = {atom: i for i, atom in enumerate(atoms)}
    table = np.zeros((len(numeric), len(atoms)))
    for row, feature in enumerate(numeric):
        for atom, value in feature.terms.items():
            table[row, position[atom]] = value
    mixed = weight @ table
    constants = weight @ np.array([feature.constant for feature in numeric]) + shift
    return [
        AffineFeature(dict(zip(atoms, row, strict=True)), float(constant))
        for row, constant in zip(mixed.tolist(), constants, strict=True)
    ]


def _pca(folding: Folding, pca: Any, features: list[Feature], where: str) -> list[Feature]:
    weight = np.asarray(pca.components_, dtype=np.float64)
    if pca.whiten:
        spread = np.sqrt(np.asarray(pca.explained_variance_, dtype=np.float64))
        tiny = np.finfo(pca.components_.dtype).eps  # below it scikit-learn divides by it instead
        weight = weight / np.maximum(spread, tiny)[:, None]
    mean = np.zeros(weight.shape[1]) if pca.mean_ is None else np.asarray(pca.mean_, np.float64)
    return _project(folding, features, where, weight, -weight @ mean)


def _truncated_svd(
    folding: Folding, svd: Any, features: list[Feature], where: str
) -> list[Feature]:
    weight = np.asarray(svd.components_, dtype=np.float64)
    return _project(folding, features, where, weight, np.zeros(weight.shape[0]))


def _selector(
    folding: Folding, selector: Any, features: list[Feature], where: str
) -> list[Feature]:
    try:
        support = selector.get_support()
    except (ValueError, AttributeError) as error:
        raise NotFittedModelError(
            f"{type(selector).__name__} at {where!r} must be fitted. Call fit first."
        ) from error
    folding.folded.append(f"{where}: {type(selector).__name__}")
    return [feature for feature, kept in zip(features, support, strict=True) if kept]


def _simple_imputer(
    folding: Folding, imputer: Any, features: list[Feature], where: str
) -> list[Feature]:
    if imputer.add_indicator:
        raise UnsupportedModelError(
            f"SimpleImputer at {where!r} must not add missing indicators, got add_indicator=True. "
            "Refit without it, or add the indicator columns to the table yourself."
        )
    result: list[Feature] = []
    for feature, fill in zip(features, imputer.statistics_, strict=True):
        fill = _plain(fill, where)
        empty = fill is None or _never_seen(feature)  # all missing in training
        if empty and isinstance(feature, AffineFeature):
            folding.give_up(feature)
            feature = AffineFeature({})
        if empty and not imputer.keep_empty_features:
            continue
        result.append(_imputed(folding, imputer, feature, 0.0 if empty else fill, where))
    return result


def _imputed(folding: Folding, imputer: Any, feature: Feature, fill: Level, where: str) -> Feature:
    marker = _plain(imputer.missing_values, where)
    if isinstance(feature, AffineFeature):
        if marker is not None:
            raise UnsupportedModelError(
                f"SimpleImputer at {where!r} must stand before the scaler, got one that looks for "
                f"{marker!r} behind it, where that is no fixed raw value. Put it first."
            )
        if feature.terms:
            folding.fill_scaled(feature, float(fill), where)  # type: ignore[arg-type]  # behind a scaler fills are numbers
        return feature
    if imputer.missing_values is None:
        raise UnsupportedModelError(
            f"SimpleImputer at {where!r} must fill NaN or a marker of its own, got "
            "missing_values=None. Replace None by NaN before fitting."
        )
    looks_for = _missing_as(imputer)
    if feature.imputes:
        if marker is None and feature.missing_marker is None and looks_for == feature.missing_as:
            return feature  # the earlier imputer left nothing to fill
        raise UnsupportedModelError(
            f"SimpleImputer at {where!r} must be the only one on a column, got a second one that "
            "fills other values. Fill the table before the pipeline instead."
        )
    name = folding.columns[feature.column].name
    folding.assumptions.append(f"a missing {name} is taken to be {_fill_text(fill)}")
    return RawFeature(feature.column, True, fill, marker, looks_for)


def _never_seen(feature: Feature) -> bool:
    """Whether a scaler before saw nothing but missing values."""
    return isinstance(feature, AffineFeature) and any(map(np.isnan, feature.terms.values()))


def _missing_as(imputer: Any) -> str:
    """Which of NaN and None an imputer takes for missing."""
    return "any" if imputer.strategy in ("mean", "median") else "nan"


def _fill_text(fill: Level) -> str:
    return f"{fill:.6g}" if isinstance(fill, float) else str(fill)


def _one_hot(folding: Folding, encoder: Any, features: list[Feature], where: str) -> list[Feature]:
    result: list[Feature] = []
    for i, (feature, categories) in enumerate(zip(features, encoder.categories_, strict=True)):
        raw = _needs_raw(folding, feature, "OneHotEncoder", where)
        levels = tuple(_plain(level, where) for level in categories)
        rare = _infrequent(encoder, i, levels)
        unknown = encoder.handle_unknown
        ignores = unknown == "ignore" or (unknown in ("infrequent_if_exist", "warn") and not rare)
        column = Column(
            folding.columns[raw.column].name,
            ColumnKind.CATEGORICAL,
            levels=levels,
            missing_as=_missing_level(categories, where),
            ignores_unknown=ignores,
        )
        folding.claim(raw, column, where)
        result += _indicators(raw.column, levels, rare, _dropped(encoder, i))
    return result


def _infrequent(encoder: Any, i: int, levels: tuple[Level, ...]) -> set[int]:
    """Positions of the levels that share one output column because they are rare."""
    if encoder.min_frequency is None and encoder.max_categories is None:
        return set()
    rare = encoder.infrequent_categories_[i]
    return set() if rare is None else {levels.index(_plain(level, "")) for level in rare}


def _dropped(encoder: Any, i: int) -> int | None:
    if encoder.drop_idx_ is None or encoder.drop_idx_[i] is None:
        return None
    return int(encoder.drop_idx_[i])


def _indicators(
    column: int, levels: tuple[Level, ...], rare: set[int], dropped: int | None
) -> list[Feature]:
    """The output columns of one raw column: frequent levels in order, then the rare together."""
    groups = [{i} for i in range(len(levels)) if i not in rare]
    groups += [rare] if rare else []
    return [
        AffineFeature({(column, i): 1.0 for i in sorted(group)})
        for group in groups
        if dropped not in group
    ]


def _ordinal(folding: Folding, encoder: Any, features: list[Feature], where: str) -> list[Feature]:
    codes = _ordinal_codes(encoder)
    result: list[Feature] = []
    for i, (feature, categories) in enumerate(zip(features, encoder.categories_, strict=True)):
        raw = _needs_raw(folding, feature, "OrdinalEncoder", where)
        levels = tuple(_plain(level, where) for level in categories)
        table = tuple(float(code) for code in codes[: len(levels), i])
        ignores = encoder.handle_unknown == "use_encoded_value"
        column = Column(
            folding.columns[raw.column].name,
            ColumnKind.ORDINAL,
            levels=levels,
            codes=table,
            missing_as=_missing_level(categories, where),
            ignores_unknown=ignores,
            unknown_code=float(encoder.unknown_value) if ignores else float("nan"),
        )
        if raw.imputes:  # the fill is a level; an ordinal column keeps its code
            code = table[levels.index(raw.fill)] if raw.fill in levels else column.unknown_code
            raw = replace(raw, fill=code)
        folding.claim(raw, column, where)
        result.append(AffineFeature({(raw.column, 0): 1.0}))
    return result


def _ordinal_codes(encoder: Any) -> FloatArray:
    """The code of each level, asked of the encoder itself: (most levels, n_columns)."""
    most = max(len(categories) for categories in encoder.categories_)
    table = np.empty((most, len(encoder.categories_)), dtype=object)
    for i, categories in enumerate(encoder.categories_):
        table[:, i] = [categories[min(row, len(categories) - 1)] for row in range(most)]
    if hasattr(encoder, "feature_names_in_"):
        import pandas as pd

        return np.asarray(encoder.transform(pd.DataFrame(table, columns=encoder.feature_names_in_)))
    return np.asarray(encoder.transform(table))


def _needs_raw(folding: Folding, feature: Feature, what: str, where: str) -> RawFeature:
    if isinstance(feature, RawFeature):
        return feature
    raise UnsupportedModelError(
        f"{what} at {where!r} must stand directly on raw columns (or behind a SimpleImputer), got "
        "a column that another step already changed. Encode the raw column itself."
    )


def _function(folding: Folding, step: Any, features: list[Feature], where: str) -> list[Feature]:
    if step.func is None:
        return features
    raise UnsupportedModelError(
        f"FunctionTransformer at {where!r} must have func=None, got {step.func!r}: what it "
        "computes is unknown. Apply it to the table first and explain the rest of the pipeline."
    )


def _pipeline(
    folding: Folding, pipeline: Any, features: list[Feature], where: str
) -> list[Feature]:
    for name, step in pipeline.steps:
        features = fold(folding, step, features, f"{where}.{name}" if where else name)
    return features


def _union(folding: Folding, union: Any, features: list[Feature], where: str) -> list[Feature]:
    result: list[Feature] = []
    weights = union.transformer_weights or {}
    for name, step in union.transformer_list:
        part = fold(folding, step, features, f"{where}.{name}")
        if name in weights:
            part = _scale(folding, part, f"{where}.{name}", float(weights[name]), 0.0)
        result += part
    return result


def _column_transformer(
    folding: Folding, transformer: Any, features: list[Feature], where: str
) -> list[Feature]:
    names = list(getattr(transformer, "feature_names_in_", []))
    weights = transformer.transformer_weights or {}
    blocks: list[tuple[int, list[Feature]]] = []
    for name, step, selection in transformer.transformers_:
        place = f"{where}.{name}" if where else name
        chosen = [features[i] for i in _positions(selection, names, len(features))]
        part = fold(folding, step, chosen, place) if chosen else []
        if name in weights:
            part = _scale(folding, part, place, float(weights[name]), 0.0)
        blocks.append((transformer.output_indices_[name].start or 0, part))
    # empty blocks share their start with the next one; a stable sort keeps the order
    return [feature for _, part in sorted(blocks, key=lambda block: block[0]) for feature in part]


def _positions(selection: Any, names: list[str], n_features: int) -> list[int]:
    """Positions of the columns a ColumnTransformer entry selects."""
    if isinstance(selection, (str, int)):
        selection = [selection]
    if isinstance(selection, slice):
        if isinstance(selection.start, str) or isinstance(selection.stop, str):
            start = names.index(selection.start) if selection.start is not None else 0
            stop = names.index(selection.stop) if selection.stop is not None else n_features - 1
            return list(range(start, stop + 1))  # slices of names include their end
        return list(range(n_features))[selection]
    chosen = list(selection)
    if chosen and all(isinstance(c, (bool, np.bool_)) for c in chosen):
        return [i for i, kept in enumerate(chosen) if kept]
    return [names.index(c) if isinstance(c, str) else int(c) % n_features for c in chosen]


def _missing_level(categories: Any, where: str) -> str:
    """Which of NaN and None is a level of its own, for an encoder that tells them apart."""
    nones = any(level is None for level in categories)
    nans = any(isinstance(level, float) and np.isnan(level) for level in categories)
    if nones and nans:
        raise UnsupportedModelError(
            f"The encoder at {where!r} must have one level for missing values, got both None and "
            "NaN. Replace one by the other before fitting."
        )
    return "none" if nones else "nan" if nans else "any"


def _plain(value: Any, where: str) -> Level:
    """A numpy scalar as a plain Python value; NaN and None as None."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (str, int, float, bool)):
        return value
    raise UnsupportedModelError(
        f"Levels and fills at {where!r} must be text, numbers or booleans, got "
        f"{type(value).__name__} such as {value!r}. Convert the column to text before fitting."
    )


_FOLDS: dict[str, Fold] = {
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _union,
    "FunctionTransformer": _function,
    "IncrementalPCA": _pca,
    "MaxAbsScaler": _max_abs_scaler,
    "MinMaxScaler": _min_max_scaler,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "PCA": _pca,
    "Pipeline": _pipeline,
    "RobustScaler": _robust_scaler,
    "SimpleImputer": _simple_imputer,
    "StandardScaler": _standard_scaler,
    "TruncatedSVD": _truncated_svd,
}

_CONTAINERS = frozenset({"ColumnTransformer", "FeatureUnion", "Pipeline"})

_ADVICE = {
    "Normalizer": " It divides each row by its length, which is not piecewise linear.",
    "PowerTransformer": " It is a smooth curve; StandardScaler is the affine choice.",
    "QuantileTransformer": " It is a curve of many kinks; RobustScaler is the affine choice.",
    "PolynomialFeatures": " Products of columns are not piecewise linear.",
    "KBinsDiscretizer": " It jumps at the bin edges, which no continuous network can hold.",
    "KNNImputer": " What it fills in depends on the other columns; SimpleImputer does not.",
    "IterativeImputer": " What it fills in depends on the other columns; SimpleImputer does not.",
}
