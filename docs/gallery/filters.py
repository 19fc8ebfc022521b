"""The filters of the gallery: seven convolutions, an edit of each, their sheets, texts and drift pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers as T
from torch import Tensor, nn

from pytest_nnviz.filterbanks.beside import draw_sheets, names_of, sheet_of, stale_sheets
from pytest_nnviz.filterbanks.checking import FiltersVerdict, check
from pytest_nnviz.filterbanks.leaving import pictures_of
from pytest_nnviz.options import FilterOptions

HERE = Path(__file__).parent / "filters"
OPTIONS = FilterOptions()
_LINES = 4

Edit = Callable[[nn.Module], None]


@dataclass(frozen=True)
class Case:
    """A convolution in a model, and an edit of it."""

    name: str
    build: Callable[[], nn.Module]
    layer: str
    edit: Edit
    edited: str

    @property
    def stem(self) -> str:
        """What its files are called."""
        return self.name.lower().replace(" ", "_")


def waves(convolution: nn.Module) -> None:
    """Fill the filters with waves under a bell, each of its own direction, length, phase and colour."""
    weight = convolution.weight
    filters, channels, *kernel = weight.shape
    axes = torch.meshgrid(*(torch.linspace(-1, 1, size, dtype=torch.float64) for size in kernel), indexing="ij")
    bell = torch.exp(-sum(axis**2 for axis in axes) * 1.6)
    for index in range(filters):
        turn = index * 2.399963  # the golden angle
        along = sum(axis * math.cos(turn + number * math.pi / 2) for number, axis in enumerate(reversed(axes)))
        wave = torch.cos(along * (1.5 + index % 8) + index)
        for channel in range(channels):
            weight[index, channel] = wave * bell * math.cos(index * 0.7 + channel * 2.1 * (index % 3))


class Stem(nn.Module):
    """The beginning of a ResNet: 7 x 7 over red, green and blue."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        waves(self.conv1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)


def _waved(convolution: nn.Module) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        waves(convolution)
        return nn.Sequential(convolution)

    return build


def _tutorial() -> nn.Module:
    from networks import TutorialNet

    return TutorialNet()


def _vit() -> nn.Module:
    sizes = {"hidden_size": 96, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    model = T.ViTModel(T.ViTConfig(**sizes))
    waves(model.embeddings.patch_embeddings.projection)
    return model


def _one_weight(model: nn.Module) -> None:
    model.conv1[0].weight[3, 0, 1, 2] += 0.4


def _permuted(model: nn.Module) -> None:
    model.conv1.weight[[3, 7]] = model.conv1.weight[[7, 3]]


def _renewed(model: nn.Module) -> None:
    model[0].reset_parameters()


def _flipped(model: nn.Module) -> None:
    model[0].weight[5] *= -1


def _broken(model: nn.Module) -> None:
    model[0].weight[9, 0, 20:24] = math.nan
    model[0].weight[11] = 0


def _pruned(model: nn.Module) -> None:
    model[0].weight = nn.Parameter(torch.cat((model[0].weight[:3], model[0].weight[4:])))


def _tuned(model: nn.Module) -> None:
    projection = model.embeddings.patch_embeddings.projection
    projection.weight[8:14] += torch.randn(6, 3, 16, 16) * 0.1


CASES = (
    Case("Tutorial CNN", _tutorial, "conv1.0", _one_weight, "one weight is changed"),
    Case("ResNet stem", Stem, "conv1", _permuted, "two filters change places"),
    Case("1 x 1", lambda: nn.Sequential(nn.Conv2d(64, 32, 1)), "0", _renewed, "the layer is initialised anew"),
    Case("Depthwise", _waved(nn.Conv2d(32, 32, 5, groups=32)), "0", _flipped, "the sign of a filter is flipped"),
    Case("Audio", _waved(nn.Conv1d(1, 40, 64)), "0", _broken, "some weights become NaN, and a filter dies"),
    Case("Video", _waved(nn.Conv3d(1, 16, (3, 7, 7))), "0", _pruned, "a filter is taken out"),
    Case(
        "ViT patches",
        _vit,
        "embeddings.patch_embeddings.projection",
        _tuned,
        "a few filters are tuned",
    ),
)


def files(case: Case) -> Iterator[tuple[str, bytes | str]]:
    """Names and contents of what the gallery shows of a case: its text, its sheet, what it came to."""
    with TemporaryDirectory() as folder:
        snapshot = Path(folder) / "test.nnfilters"
        torch.manual_seed(0)
        with torch.no_grad():
            model = case.build()
            before = judged(case, model, snapshot, None)
            draw_sheets(stale_sheets(snapshot, before.bank, "png"), snapshot, before.bank, before.drawn)
            yield f"{case.stem}.txt", _excerpt(before.text)
            yield f"{case.stem}.png", sheet_of(snapshot, names_of(before.bank)[case.layer]).read_bytes()
            torch.manual_seed(1)
            case.edit(model)
        after = judged(case, model, snapshot, before.text)
        yield f"{case.stem}.words.txt", "\n".join(told(after)) + "\n"
        for name, picture in pictures_of(after):
            side = name.partition(".")[0]
            if side in ("actual", "diff"):
                yield f"{case.stem}.{side}.png", picture


def judged(case: Case, model: nn.Module, snapshot: Path, stored: str | None) -> FiltersVerdict:
    """What the fixture comes to."""
    return check(OPTIONS, model, [case.layer], stored=stored, updates="nothing", snapshot=snapshot)


def told(verdict: FiltersVerdict) -> list[str]:
    """The words of a drift."""
    from pytest_nnviz.verdict import Room

    return verdict.changes("test_filters", Room(width=100))


def _excerpt(text: str) -> str:
    """A text without the lines of most filters, and without the versions."""
    lines = text.partition("\n[end]")[0].split("\n")[3:]
    start = next(index for index, line in enumerate(lines) if line.startswith("0: "))
    return "\n".join([*lines[: start + _LINES], "..."]) + "\n"


def part() -> str:
    """The part of the page about filters, from the files that there are."""
    return "\n".join(_section(case) for case in CASES)


def _section(case: Case) -> str:
    words, text = ((HERE / f"{case.stem}{end}").read_text(encoding="utf-8") for end in (".words.txt", ".txt"))
    shown = [f"### {case.name}", f"![{case.name}](gallery/filters/{case.stem}.png)", f"```\n{text}```"]
    shown += [f"Then {case.edited}:", f"```\n{words}```"]
    for side in ("diff", "actual"):
        if (HERE / f"{case.stem}.{side}.png").is_file():
            shown.append(f"![{case.name}, {side}](gallery/filters/{case.stem}.{side}.png)")
    return "\n\n".join(shown) + "\n"


def main() -> None:
    """Draw all."""
    HERE.mkdir(exist_ok=True)
    for case in CASES:
        for name, content in files(case):
            data = content.encode() if isinstance(content, str) else content
            (HERE / name).write_bytes(data)
