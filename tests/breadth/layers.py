"""The layers of torch.nn, with arguments that are no defaults."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from breadth.build import Calls, chain, each, image, pairs, rows


def convolutions():
    model = chain(
        nn.Conv2d(4, 8, (3, 5), stride=(2, 1), padding=(1, 2), dilation=1, groups=2, bias=False),
        nn.Conv2d(8, 8, 3, padding="same", dilation=2, padding_mode="reflect"),
        nn.Conv2d(8, 8, 1, padding="valid"),
        nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=1),
        nn.Flatten(2),
        nn.Conv1d(4, 6, 4, stride=2, padding_mode="circular", padding=2),
        nn.ConvTranspose1d(6, 4, 4, stride=2, bias=False),
        nn.Unflatten(2, (2, -1, 2)),
        nn.Conv3d(4, 2, (1, 3, 3), padding=(0, 1, 1), padding_mode="replicate"),
        nn.ConvTranspose3d(2, 2, 2),
    )
    return model, (image(),)


class OwnNorm(nn.BatchNorm2d):
    """A class of its own that leaves its constructor to torch."""

    scale = 2

    def forward(self, x):
        return super().forward(x) * self.scale


def without_bias(norm):
    norm.bias = None
    return norm


def norms():
    model = Calls(
        lambda self, x: (self.images(x), [layer(x.flatten(2).mT) for layer in self.rows]),
        images=chain(
            nn.BatchNorm2d(4, eps=1e-3, momentum=0.2),
            nn.BatchNorm2d(4, affine=False),
            nn.BatchNorm2d(4, track_running_stats=False, momentum=None),
            nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
            nn.InstanceNorm2d(4, eps=1e-4),
            nn.GroupNorm(2, 4, eps=1e-6, affine=False),
            nn.GroupNorm(4, 4),
            OwnNorm(4),
            without_bias(nn.BatchNorm2d(4)),
            nn.LocalResponseNorm(3, alpha=1e-3, beta=0.5, k=2.0),
            nn.CrossMapLRN2d(3),
        ),
        rows=nn.ModuleList(
            [
                nn.LayerNorm(4, eps=1e-6, bias=False),
                nn.LayerNorm((144, 4), elementwise_affine=False),
                nn.RMSNorm(4, eps=1e-6),
                nn.RMSNorm((144, 4), elementwise_affine=False),
            ]
        ),
    )
    return model, (image(),)


def activations():
    model = each(
        nn.ReLU(),
        nn.ReLU6(),
        nn.ELU(alpha=0.5),
        nn.SELU(),
        nn.CELU(alpha=2.0),
        nn.LeakyReLU(0.2),
        nn.PReLU(4, init=0.1),
        nn.RReLU(0.1, 0.2),
        nn.SiLU(),
        nn.Mish(),
        nn.GELU(approximate="tanh"),
        nn.GLU(dim=1),
        nn.Hardtanh(-2.0, 2.0),
        nn.Hardswish(),
        nn.Hardsigmoid(),
        nn.Hardshrink(0.3),
        nn.Softshrink(0.3),
        nn.Tanhshrink(),
        nn.Softplus(beta=2, threshold=10),
        nn.Softsign(),
        nn.Sigmoid(),
        nn.LogSigmoid(),
        nn.Tanh(),
        nn.Threshold(0.1, 20.0),
        nn.Softmax(dim=1),
        nn.LogSoftmax(dim=-1),
        nn.Softmin(dim=1),
        nn.Softmax2d(),
        nn.Identity(),
        chain(nn.Linear(12, 4), nn.ReLU(inplace=True), nn.Dropout(0.2, inplace=True)),
    )
    return model, (image(),)


def pooling():
    def forward(self, x):
        pooled, indices = self.pool(x)
        return self.unpool(pooled, indices, output_size=x.shape), [layer(x) for layer in self.layers]

    layers = nn.ModuleList(
        [
            nn.MaxPool2d((3, 2), stride=2, padding=1, dilation=1, ceil_mode=True),
            nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False, divisor_override=2),
            nn.LPPool2d(2, 3, stride=2, ceil_mode=True),
            nn.AdaptiveAvgPool2d((5, None)),
            nn.AdaptiveMaxPool2d(3, return_indices=True),
            nn.FractionalMaxPool2d(3, output_ratio=(0.5, 0.5)),
            chain(nn.Flatten(2), nn.MaxPool1d(4), nn.AvgPool1d(2, padding=1), nn.LPPool1d(1, 2)),
            chain(nn.Flatten(2), nn.AdaptiveAvgPool1d(6), nn.AdaptiveMaxPool1d(2)),
            chain(nn.Unflatten(1, (2, 2)), nn.MaxPool3d(2), nn.AvgPool3d((1, 2, 2)), nn.AdaptiveAvgPool3d(1)),
        ]
    )
    return Calls(forward, pool=nn.MaxPool2d(2, return_indices=True), unpool=nn.MaxUnpool2d(2), layers=layers), (
        image(),
    )


def resizing():
    model = each(
        nn.Upsample(scale_factor=2),
        nn.Upsample(size=(6, 9), mode="bilinear", align_corners=True),
        nn.UpsamplingNearest2d(scale_factor=2),
        nn.UpsamplingBilinear2d(size=5),
        nn.PixelShuffle(2),
        nn.PixelUnshuffle(3),
        nn.ChannelShuffle(2),
        nn.ReflectionPad2d((1, 2, 0, 1)),
        nn.ReplicationPad2d(1),
        nn.ZeroPad2d((1, 0, 1, 0)),
        nn.ConstantPad2d(1, 0.5),
        nn.CircularPad2d(2),
        nn.Unfold(3, stride=2, padding=1),
        chain(nn.Unfold(2, stride=2), nn.Fold((12, 12), 2, stride=2)),
    )
    return model, (image(),)


def embeddings():
    def forward(self, ids, offsets):
        flat = ids.flatten()
        return (
            self.plain(ids),
            self.bounded(ids),
            self.bag(flat, offsets),
            self.weighted(flat, offsets, per_sample_weights=self.scale),
            F.embedding(ids, self.plain.weight, padding_idx=0),
            F.embedding_bag(ids, self.plain.weight, mode="max"),
            F.one_hot(ids, 12).float() @ self.plain.weight,
            self.bilinear(self.plain(flat), self.bounded(flat)),
            self.cosine(self.plain(flat), self.bounded(flat)),
            self.distance(self.plain(flat), self.bounded(flat)),
        )

    model = Calls(
        forward,
        plain=nn.Embedding(12, 4, padding_idx=0, scale_grad_by_freq=True),
        bounded=nn.Embedding(12, 4, max_norm=1.0, norm_type=1.0, sparse=True),
        bag=nn.EmbeddingBag(12, 4, mode="max"),
        weighted=nn.EmbeddingBag(12, 4, mode="sum", include_last_offset=True, padding_idx=1),
        scale=nn.Parameter(torch.ones(6)),
        bilinear=nn.Bilinear(4, 4, 3, bias=False),
        cosine=nn.CosineSimilarity(dim=-1, eps=1e-6),
        distance=nn.PairwiseDistance(p=1.0, keepdim=True),
    )
    return model, (torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([0, 2, 6]))


def losses():
    model = pairs(
        nn.MSELoss(reduction="sum"),
        nn.L1Loss(),
        nn.SmoothL1Loss(beta=0.5),
        nn.HuberLoss(delta=2.0),
        nn.SoftMarginLoss(),
        nn.BCEWithLogitsLoss(pos_weight=torch.ones(4) * 2),
        nn.KLDivLoss(reduction="batchmean", log_target=True),
        nn.PoissonNLLLoss(log_input=False, full=True),
        nn.HingeEmbeddingLoss(margin=0.5),
        nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.ones(4)),
        nn.MultiLabelSoftMarginLoss(),
    )
    return model, (rows(3, 4).abs(), torch.ones(3, 4) / 4)


MODELS = (convolutions, norms, activations, pooling, resizing, embeddings, losses)
