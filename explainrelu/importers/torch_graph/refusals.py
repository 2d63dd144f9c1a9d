"""What is said of a call that cannot be read."""

from collections.abc import Mapping
from types import MappingProxyType

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.torch_graph.calls import Call

__all__ = ["refusal", "refused"]

_CURVED = frozenset(
    {"_safe_softmax", "acos", "asin", "atan", "celu", "cos", "cosh", "elu", "erf", "exp2"}
    | {"expm1", "gelu", "glu", "hardswish", "log", "log10", "log1p", "log2", "log_sigmoid", "mish"}
    | {"logsumexp", "pow", "reciprocal", "rsqrt", "selu", "silu", "sin", "sinh", "softplus"}
    | {"sqrt", "square", "std", "tan", "tanh", "var", "logit", "sinc", "prod", "cumprod", "lgamma"}
)
_JUMPING = frozenset(
    {"argmax", "argmin", "argsort", "bernoulli", "bitwise_not", "bucketize", "ceil", "eq", "floor"}
    | {"floor_divide", "fmod", "frac", "hardshrink", "heaviside", "logical_and"}
    | {"logical_not", "logical_or", "ne", "one_hot", "remainder", "round", "sgn", "sign"}
    | {"trunc", "isnan", "isinf", "nonzero", "embedding", "searchsorted"}
)
_MIXED = frozenset(
    {"_scaled_dot_product_attention_math", "cosine_similarity", "group_norm", "instance_norm"}
    | {"layer_norm", "native_group_norm", "native_layer_norm", "rms_norm", "_native_multi_head"}
    | {"scaled_dot_product_attention", "_fused_rms_norm", "native_batch_norm_backward"}
)
_RANDOM = frozenset(
    {"native_dropout", "normal", "poisson", "rand", "rand_like", "randint", "randn", "randn_like"}
    | {"randperm", "multinomial", "uniform", "rrelu_with_noise", "bernoulli_p"}
)
_CHOOSING = frozenset({"cond", "higher_order.cond", "while_loop", "map_impl", "scan"})
_RECURRENT = frozenset({"gru", "lstm", "quantized_lstm", "rnn_relu", "rnn_tanh"})

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_CURVED, "is not piecewise linear"),
        **dict.fromkeys(_JUMPING, "jumps, or gives truth values and positions"),
        **dict.fromkeys(_MIXED, "multiplies or divides values that both depend on the input"),
        **dict.fromkeys(_RANDOM, "is random"),
        **dict.fromkeys(_CHOOSING, "does another thing for other numbers"),
        **dict.fromkeys(_RECURRENT, "is recurrent and cannot be read as one call"),
    }
)


def refused(call: Call) -> bool:
    """Whether it is known of the operator that it cannot be read."""
    return call.name in _REASONS


def refusal(call: Call) -> UnsupportedModelError:
    """The error for a call whose operator is in no table."""
    reason = _REASONS.get(call.name)
    if reason is None:
        return UnsupportedModelError(
            f"{call.where} calls {call.target}, which is not among the operators that can be "
            "read. If it is piecewise linear, write it with ones that are (see the table in the "
            "documentation), or save the program as run_decompositions() makes it."
        )
    return UnsupportedModelError(
        f"{call.where} calls {call.target}, which {reason}. Use a ReLU, or another operator that "
        "is piecewise linear, there and train again."
    )
