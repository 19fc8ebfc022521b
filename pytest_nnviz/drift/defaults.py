"""The defaults of torch's own layers, which the text leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pytest_nnviz.architecture import Module
from pytest_nnviz.textformat.write import format_value

__all__ = ["TORCH", "defaults_of"]

TORCH = (
    ("AdaptiveLogSoftmaxWithLoss", "div_value=4.0, head_bias=False"),
    ("AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d", "return_indices=False"),
    ("AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout", "p=0.5, inplace=False"),
    ("AvgPool1d", "stride=None, padding=0, ceil_mode=False, count_include_pad=True"),
    ("AvgPool2d AvgPool3d", "stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None"),
    ("BCELoss MultiLabelSoftMarginLoss", 'weight=None, size_average=None, reduce=None, reduction="mean"'),
    ("BCEWithLogitsLoss", 'weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None'),
    (
        "BatchNorm1d BatchNorm2d BatchNorm3d",
        "eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, bias=True",
    ),
    ("Bilinear GRUCell LSTMCell Linear", "bias=True"),
    ("CELU ELU", "alpha=1.0, inplace=False"),
    ("CTCLoss", 'blank=0, reduction="mean", zero_infinity=False'),
    ("Conv1d Conv2d Conv3d", 'stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode="zeros"'),
    (
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        'stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode="zeros"',
    ),
    ("CosineEmbeddingLoss MarginRankingLoss", 'margin=0.0, size_average=None, reduce=None, reduction="mean"'),
    ("CosineSimilarity", "dim=1, eps=1e-08"),
    (
        "CrossEntropyLoss",
        'weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0',
    ),
    ("CrossMapLRN2d", "alpha=0.0001, beta=0.75, k=1"),
    ("DataParallel", "device_ids=None, output_device=None, dim=0"),
    ("Embedding", "padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False"),
    (
        "EmbeddingBag",
        'max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean", sparse=False, '
        "include_last_offset=False, padding_idx=None",
    ),
    ("Flatten", "start_dim=1, end_dim=-1"),
    ("Fold Unfold", "dilation=1, padding=0, stride=1"),
    ("FractionalMaxPool2d FractionalMaxPool3d", "output_size=None, output_ratio=None, return_indices=False"),
    ("GELU", 'approximate="none"'),
    ("GLU", "dim=-1"),
    (
        "GRU LSTM RNN RNNBase",
        "num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0",
    ),
    ("GaussianNLLLoss", 'full=False, eps=1e-06, reduction="mean"'),
    ("GroupNorm", "eps=1e-05, affine=True, bias=True"),
    ("Hardshrink Softshrink", "lambd=0.5"),
    ("Hardsigmoid Hardswish Mish ReLU ReLU6 SELU SiLU Threshold", "inplace=False"),
    ("Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None"),
    ("HingeEmbeddingLoss", 'margin=1.0, size_average=None, reduce=None, reduction="mean"'),
    ("HuberLoss", 'reduction="mean", delta=1.0'),
    (
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
        "eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, bias=True",
    ),
    ("KLDivLoss", 'size_average=None, reduce=None, reduction="mean", log_target=False'),
    ("L1Loss MSELoss MultiLabelMarginLoss SoftMarginLoss", 'size_average=None, reduce=None, reduction="mean"'),
    ("LPPool1d LPPool2d LPPool3d", "stride=None, ceil_mode=False"),
    ("LayerNorm", "eps=1e-05, elementwise_affine=True, bias=True"),
    ("LeakyReLU", "negative_slope=0.01, inplace=False"),
    (
        "LinearCrossEntropyLoss",
        'out_features=(), bias=False, reduction="mean", weight=None, ignore_index=None, label_smoothing=0.0, '
        "options=None",
    ),
    ("LocalResponseNorm", "alpha=0.0001, beta=0.75, k=1.0"),
    ("LogSoftmax Softmax Softmin", "dim=None"),
    ("MaxPool1d MaxPool2d MaxPool3d", "stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False"),
    ("MaxUnpool1d MaxUnpool2d MaxUnpool3d", "stride=None, padding=0"),
    ("ModuleDict ModuleList", "modules=None"),
    ("MultiMarginLoss", 'p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"'),
    (
        "MultiheadAttention",
        "dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None, batch_first=False",
    ),
    ("NLLLoss NLLLoss2d", 'weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"'),
    ("PReLU", "num_parameters=1, init=0.25"),
    ("PairwiseDistance", "p=2.0, eps=1e-06, keepdim=False"),
    ("ParameterDict", "parameters=None"),
    ("ParameterList", "values=None"),
    ("PoissonNLLLoss", 'log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction="mean"'),
    ("RMSNorm", "eps=None, elementwise_affine=True"),
    ("RNNCell", 'bias=True, nonlinearity="tanh"'),
    ("RReLU", "lower=0.125, upper=0.333333, inplace=False"),
    ("SmoothL1Loss", 'size_average=None, reduce=None, reduction="mean", beta=1.0'),
    ("Softplus", "beta=1.0, threshold=20.0"),
    ("SyncBatchNorm", "eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, process_group=None, bias=True"),
    (
        "Transformer",
        "d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, "
        "dropout=0.1, activation=<relu>, custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-05, "
        "batch_first=False, norm_first=False, bias=True",
    ),
    ("TransformerDecoder", "norm=None"),
    (
        "TransformerDecoderLayer TransformerEncoderLayer",
        "dim_feedforward=2048, dropout=0.1, activation=<relu>, layer_norm_eps=1e-05, batch_first=False, "
        "norm_first=False, bias=True",
    ),
    ("TransformerEncoder", "norm=None, enable_nested_tensor=True, mask_check=True"),
    ("TripletMarginLoss", 'margin=1.0, p=2.0, eps=1e-06, swap=False, size_average=None, reduce=None, reduction="mean"'),
    ("TripletMarginWithDistanceLoss", 'distance_function=None, margin=1.0, swap=False, reduction="mean"'),
    ("Upsample", 'size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None'),
    ("UpsamplingBilinear2d UpsamplingNearest2d", "size=None, scale_factor=None"),
)
"""Names of classes, and the arguments of their constructors that have a default, as the text writes them."""


def defaults_of(module: Module) -> Mapping[str, str]:
    """The defaults of a module of torch's own by argument, in their canonical texts; none of any other class.

    A class that only has the name of one of torch's shows every argument: a default among these tells.
    """
    known = _table().get(module.class_name, {})
    held = {a.name: format_value(a.value) for a in module.config if a.name in known}
    return {} if any(known[str(name)] == text for name, text in held.items()) else known


@cache
def _table() -> dict[str, dict[str, str]]:
    return {name: _parsed(arguments) for names, arguments in TORCH for name in names.split()}


def _parsed(arguments: str) -> dict[str, str]:
    pairs = (argument.partition("=") for argument in arguments.split(", "))
    return {name: text for name, _, text in pairs}
