"""Functions of torch.nn.functional, torch, torch.linalg and torch.fft."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from breadth.build import Calls, image, rows


def functional_images():
    def forward(_, x):
        theta = torch.eye(2, 3)[None]
        grid = F.affine_grid(theta, (1, 4, 6, 6), align_corners=False)
        return [
            F.grid_sample(x, grid, mode="nearest", padding_mode="border", align_corners=True),
            F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True),
            F.interpolate(x, size=7, mode="area"),
            F.interpolate(x, scale_factor=(1.5, 2), mode="nearest-exact", recompute_scale_factor=True),
            F.pad(x, (1, 1, 0, 0), "reflect"),
            F.pad(x, (1, 1, 2, 2), value=0.5),
            F.max_pool2d(x, 2, return_indices=True),
            F.max_pool2d(x, 3, 2, 1),
            F.avg_pool2d(x, kernel_size=2, count_include_pad=False),
            F.adaptive_avg_pool2d(x, 1),
            F.adaptive_max_pool2d(x, (2, 3)),
            F.lp_pool2d(x, 2.0, 2),
            F.unfold(x, 3, dilation=2),
            F.pixel_shuffle(x, 2),
            F.conv2d(x, torch.ones(2, 2, 3, 3), groups=2, padding="same"),
            F.conv_transpose2d(x, torch.ones(4, 1, 2, 2), stride=2),
            F.dropout2d(x, 0.3, training=False),
            F.feature_alpha_dropout(x, 0.1),
            F.local_response_norm(x, 2),
            F.instance_norm(x, eps=1e-3),
            F.group_norm(x, 2),
            F.batch_norm(x, torch.zeros(4), torch.ones(4), eps=1e-3),
            F.normalize(x, p=1.0, dim=2),
        ]

    return Calls(forward), (image(),)


def functional_activations():
    def forward(_, x):
        return [
            F.relu(x),
            torch.relu(x),
            x.relu().relu_(),
            F.relu(x * 1, inplace=True),
            F.elu(x, 0.5),
            F.selu(x),
            F.celu(x, alpha=0.3),
            F.leaky_relu(x, 0.1),
            F.prelu(x, torch.ones(1) * 0.2),
            F.rrelu(x, 0.1, 0.3),
            F.silu(x),
            F.mish(x),
            F.gelu(x, approximate="tanh"),
            F.glu(x, 1),
            F.hardtanh(x, -0.5, 0.5),
            F.hardswish(x),
            F.hardsigmoid(x),
            F.hardshrink(x),
            F.softshrink(x, 0.2),
            F.tanhshrink(x),
            F.softplus(x, beta=0.5),
            F.softsign(x),
            F.logsigmoid(x),
            F.threshold(x, 0.1, 0.2),
            F.softmin(x, dim=1),
            F.softmax(x, dim=-1, dtype=torch.float64),
            F.log_softmax(x, 1),
            F.gumbel_softmax(x, tau=0.5, hard=True),
            F.tanh(x),
            F.sigmoid(x),
            F.relu6(x),
            F.dropout(x, 0.1, training=False),
            F.alpha_dropout(x, 0.1),
            F.layer_norm(x, (6,), eps=1e-3),
            F.rms_norm(x, (6,), eps=1e-3),
        ]

    return Calls(forward), (rows(2, 4, 6),)


def functional_losses():
    def forward(_, x, classes):
        other = x.flip(0)
        return [
            F.cross_entropy(x, classes, ignore_index=1, reduction="sum"),
            F.nll_loss(F.log_softmax(x, -1), classes),
            F.multi_margin_loss(x, classes, p=2),
            F.mse_loss(x, other, reduction="none"),
            F.l1_loss(x, other),
            F.smooth_l1_loss(x, other, beta=2.0),
            F.huber_loss(x, other, delta=0.5),
            F.kl_div(x, other, reduction="batchmean"),
            F.binary_cross_entropy(x.sigmoid(), other.sigmoid()),
            F.binary_cross_entropy_with_logits(x, other.sigmoid(), reduction="sum"),
            F.gaussian_nll_loss(x, other, torch.ones(3, 4), full=True),
            F.cosine_embedding_loss(x, other, torch.ones(3)),
            F.margin_ranking_loss(x, other, torch.ones(3, 4), margin=0.1),
            F.triplet_margin_loss(x, other, x * 2, swap=True),
            F.cosine_similarity(x, other, dim=0),
            F.pairwise_distance(x, other, keepdim=True),
            torch.cdist(x, other, p=1.0),
        ]

    return Calls(forward), (rows(3, 4), torch.tensor([0, 2, 3]))


def reductions():
    def forward(_, x):
        values, indices = x.max(dim=1)
        return [
            values,
            indices,
            x.sum(),
            x.sum((0, 1), keepdim=True),
            x.mean(-1),
            torch.mean(x, dim=[1, 2], dtype=torch.float64),
            x.std(1),
            x.std(1, unbiased=False),
            torch.var(x, dim=1, correction=0),
            torch.std_mean(x, 1),
            x.amax((0, 1)),
            x.aminmax(dim=0),
            x.argmax(-1, keepdim=True),
            x.prod(1),
            x.norm(),
            x.norm(2, -1),
            x.norm(p=1, dim=(0, 1), keepdim=True),
            torch.norm(x, dim=1),
            torch.linalg.norm(x, ord=1, dim=-1),
            torch.linalg.vector_norm(x, dim=(1, 2)),
            x.logsumexp(1),
            x.cumsum(-1),
            torch.cumprod(x, 1),
            x.median(1).values,
            torch.quantile(x, 0.5, dim=1),
            x.topk(2, dim=1, largest=False),
            x.sort(descending=True),
            torch.sort(x, stable=True, dim=0),
            x.kthvalue(1),
            x.argsort(-1),
            (x > 0).any(1),
            (x > 0).all(),
            x.count_nonzero(1),
            torch.diff(x),
            x.cummax(1),
            torch.trapezoid(x),
            x.histc(4),
        ]

    return Calls(forward), (rows(2, 3, 4),)


def linear_algebra():
    def forward(self, x, y):
        square = x @ x.mT + torch.eye(3)
        return [
            x @ y,
            torch.matmul(x, y),
            x.bmm(y),
            torch.baddbmm(square, x, y, beta=0.5),
            torch.addmm(square[0], x[0], y[0], alpha=2),
            torch.einsum("bij,bjk->bik", x, y),
            torch.einsum("bij->b", [x]),
            torch.tensordot(x, y, dims=([2], [1])),
            torch.outer(x[0, 0], x[0, 1]),
            torch.kron(x[0], x[1]),
            torch.linalg.solve(square, x),
            torch.linalg.inv(square),
            torch.linalg.det(square),
            torch.linalg.cholesky(square),
            torch.linalg.svd(x, full_matrices=False),
            torch.linalg.qr(x),
            torch.linalg.eigh(square),
            torch.linalg.matrix_norm(x),
            torch.linalg.cross(x[..., :3], y.mT[..., :3]),
            torch.matrix_exp(square),
            torch.linalg.multi_dot([x[0], y[0], x[0]]),
            torch.trace(square[0]),
            F.linear(x, self.weight),
            F.bilinear(x, x, torch.ones(2, 4, 4)),
        ]

    return Calls(forward, weight=nn.Parameter(torch.ones(5, 4))), (rows(2, 3, 4), rows(2, 4, 3))


def spectra():
    def forward(self, x):
        spectrum = torch.fft.rfft2(x, norm="ortho") * self.filter
        waves = torch.stft(x[:, 0], 8, hop_length=4, window=torch.hann_window(8), return_complex=True)
        return [
            torch.fft.irfft2(spectrum, s=(6, 8), norm="ortho"),
            torch.fft.fftshift(torch.fft.fft(x, n=6, dim=1)).abs(),
            torch.fft.ifftn(torch.fft.fftn(x)).real,
            torch.fft.fftfreq(8, 0.5),
            torch.istft(waves, 8, hop_length=4, window=torch.hann_window(8)),
            torch.view_as_real(spectrum),
            torch.view_as_complex(x.reshape(2, 6, 4, 2)),
            torch.polar(x.abs(), x),
            torch.complex(x, x).conj().angle(),
            spectrum.imag,
        ]

    return Calls(forward, filter=nn.Parameter(torch.ones(6, 5, dtype=torch.complex64))), (rows(2, 6, 8),)


def constructors():
    def forward(_, x):
        size, width = x.shape
        return [
            torch.arange(size),
            torch.arange(1, width, 2, dtype=torch.float32),
            torch.linspace(0, 1, width),
            torch.zeros(size, width),
            torch.ones((size, width), dtype=torch.int32),
            torch.full((2, 2), 0.5),
            torch.full_like(x, 2),
            torch.zeros_like(x, dtype=torch.bool),
            x.new_zeros(2, 3),
            x.new_full((2,), 1.0),
            x.new_tensor([1.0, 2.0]),
            torch.tensor([1, 2, 3]),
            torch.tensor(0.5) * x,
            torch.eye(size),
            torch.randn(2, 3),
            torch.rand_like(x),
            torch.randint(0, 5, (2,)),
            torch.randperm(4),
            torch.bernoulli(x.sigmoid()),
            torch.normal(0.0, 1.0, (2, 2)),
            torch.empty_like(x).uniform_(-1, 1),
            torch.empty(3).normal_(std=0.1),
            torch.tril_indices(3, 3),
            torch.logspace(0, 1, 3),
            torch.hann_window(4),
            torch.as_tensor(x),
            torch.ones(2, requires_grad=False).fill_(3),
            x.to(torch.float64),
            x.half().float(),
            x.bfloat16(),
            x.to(x.dtype).type_as(x),
            x.long().bool().int(),
            x.type(torch.float64),
            x.to("cpu"),
            x.detach().clone(),
            x.to(torch.float8_e4m3fn),
        ]

    return Calls(forward), (rows(3, 4),)


MODELS = (
    functional_images,
    functional_activations,
    functional_losses,
    reductions,
    linear_algebra,
    spectra,
    constructors,
)
