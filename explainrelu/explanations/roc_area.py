"""The area under the ROC curve."""

from explainrelu.arrays import BoolArray, FloatArray

__all__ = ["roc_area"]


def roc_area(positive: BoolArray, scores: FloatArray) -> float:
    """The area under the ROC curve, NaN where only one of the two classes is there."""
    from sklearn import metrics

    if positive.all() or not positive.any():
        return float("nan")
    return float(metrics.roc_auc_score(positive, scores))
