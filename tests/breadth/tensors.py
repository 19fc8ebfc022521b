"""What is done to tensors by operators, methods and indices."""

from __future__ import annotations

import torch
from torch import nn

from breadth.build import Calls, rows


def arithmetic():
    def forward(self, x, y):
        z = (x + y - 2 * x / 3) ** 2 % 5 // 2
        z = 1 - x + 2 / (y + 3) - (-z) + 2**x
        z += 1
        z -= y
        z *= 0.5
        z /= 2
        z.add_(y, alpha=2).mul_(3).clamp_(min=-10, max=10)
        flags = (x > y) & (x <= 1) | ~(y != 0) ^ (x == y)
        return [
            z,
            flags.logical_not(),
            torch.where(flags, x, 0.0),
            torch.addcmul(x, y, z, value=0.5),
            torch.addcdiv(x, y, z + 9, value=2),
            torch.lerp(x, y, 0.3),
            torch.clamp(x, max=1),
            torch.clip(x, -1, 1),
            torch.true_divide(x, 2),
            torch.div(x, 2, rounding_mode="floor"),
            torch.fmod(x, 2),
            torch.pow(2, x),
            torch.maximum(x, y),
            torch.exp(x).log1p().sqrt().rsqrt(),
            torch.sin(x) + torch.cos(x).atan2(y),
            torch.special.expit(x) + torch.special.erf(x) + torch.expm1(x),
            torch.nan_to_num(x, nan=1.0),
            torch.round(x, decimals=2),
            x.sign().abs().neg().reciprocal().square(),
            torch.logaddexp(x, y),
            torch.hypot(x, y),
            torch.copysign(x, y).trunc().frac(),
            torch.bitwise_left_shift(x.int(), 1) >> 1,
            self.scale * x,
        ]

    return Calls(forward, scale=nn.Parameter(torch.ones(()))), (rows(3, 4), rows(3, 4).flip(0))


def shapes():
    def forward(_, x):
        left, *right = x.split([1, 2], dim=1)
        return [
            left,
            right,
            x.view(2, -1),
            x.reshape((3, 8)),
            x.flatten(1),
            x.permute(2, 0, 1),
            x.transpose(0, 1).contiguous(),
            x.mT,
            x[0].T,
            x.unsqueeze(1).expand(-1, 2, -1, 4),
            x.squeeze(),
            x[None, ..., None].squeeze((0, 4)),
            x.repeat(1, 2, 1),
            torch.tile(x, (2, 1)),
            x.repeat_interleave(2, dim=1),
            torch.chunk(x, 2, -1),
            torch.cat((x, x), -1),
            torch.stack([x, x], 1),
            torch.hstack([x, x]),
            torch.vstack((x, x)),
            x.unbind(1),
            torch.tensor_split(x, 3, 1),
            x.roll(1, 0).flip(1).rot90(1, (0, 1)),
            x.movedim(0, -1).swapaxes(0, 1),
            x.narrow(1, 0, 2).select(2, 1),
            x.unfold(2, 2, 1),
            x.diagonal(0, 1, 2).diag_embed(),
            torch.meshgrid(x[0, 0], x[0, 1], indexing="ij"),
            torch.broadcast_tensors(x, x[:1]),
            torch.atleast_2d(x[0, 0]),
            torch.block_diag(x[0], x[1]),
            torch.cartesian_prod(x[0, 0], x[0, 1]),
            torch.tril(x, 1) + x.triu(-1),
            x.view_as(x).view(torch.int32),
            torch.ravel(x),
            torch.column_stack((x[0], x[1])),
        ]

    return Calls(forward), (rows(2, 3, 4),)


def indexing():
    def forward(self, x, ids):
        y = x.clone()
        y[0] = 1
        y[:, 1] = y[:, 0]
        y[..., ::2] += 1
        y[ids, 0] = x[ids, 1]
        y.masked_fill_(y > 2, 0.5)
        y.index_add_(0, ids, x)
        y[:, 2].mul_(3)
        torch.add(x, 1, out=y)
        return [
            y,
            x[1],
            x[:, None, 1:],
            x[..., -1],
            x[ids][:, [0, 2]],
            x[(ids, slice(0, 2))],
            x.gather(0, ids[:, None, None].expand(2, 3, 4)),
            torch.take_along_dim(x, ids[:, None, None], 0),
            x.index_select(0, ids),
            torch.scatter(x, 0, ids[:, None, None].expand(2, 3, 4), 1.0),
            x.scatter_add(0, ids[:, None, None].expand(2, 3, 4), x),
            x.scatter_reduce(0, ids[:, None, None].expand(2, 3, 4), x, "amax", include_self=False),
            x.masked_fill(x > 0, float("-inf")),
            x.index_put((ids,), torch.zeros(())),
            x.index_fill(0, ids, 2.0),
            torch.searchsorted(x[0, 0], x[0, 1], right=True),
            torch.bucketize(x, x[0, 0]),
            self.table[ids],
        ]

    model = Calls(forward)
    model.register_buffer("table", torch.arange(6.0).reshape(2, 3), persistent=False)
    return model, (rows(2, 3, 4), torch.tensor([1, 0]))


MODELS = (arithmetic, shapes, indexing)
