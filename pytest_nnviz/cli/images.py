"""Pictures from the command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nnviz.asked import SIDES, Asked
from pytest_nnviz.atomic import write_atomic
from pytest_nnviz.errors import OptionError, SourceError

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["add_drift_options", "add_image_options", "wants_image", "write_image"]

_UNASKED = {"--expand": [], "--no-fold": True, "--parameters": False, "--side": "both", "--neighbours": 1}
"""The options that ask for something of a picture, and their values where they are not given."""


def add_image_options(parser: ArgumentParser) -> None:
    """What is drawn, and where to."""
    group = parser.add_argument_group("picture")
    group.add_argument("--image", type=Path, metavar="OUT", help="draw it: OUT ends in .svg, .png, .dot or .mermaid")
    group.add_argument(
        "--expand",
        action="append",
        default=[],
        metavar="PATTERN",
        help="open the modules of these paths (layer4, layers.*.attn) in the picture; may be given again",
    )
    group.add_argument("--no-fold", dest="fold", action="store_false", help="draw equal blocks one by one")
    group.add_argument("--parameters", action="store_true", help="draw a node for each parameter")


def add_drift_options(parser: ArgumentParser) -> None:
    """What is drawn of a drift."""
    group = parser.add_argument_group("picture of a drift")
    group.add_argument("--side", choices=SIDES, default="both", help="draw one side alone, in the layout of both")
    group.add_argument("--neighbours", type=int, default=1, metavar="N", help="keep N steps around a change visible")


def wants_image(options: Namespace) -> bool:
    """Whether a picture is to be drawn.

    Raises:
        OptionError: something is asked of a picture that is not drawn.
    """
    given = vars(options)
    for option, unasked in _UNASKED.items() if options.image is None else ():
        if given.get(option.removeprefix("--no-").removeprefix("--"), unasked) != unasked:
            raise OptionError(f"{option} is about the picture: say with --image OUT where to draw it")
    return options.image is not None


def write_image(thing: Architecture | Drift, options: Namespace) -> None:
    """Draw what the options ask for.

    Raises:
        DrawingError: there is no engine, or none that can draw this.
        OptionError: a format that does not exist, or a pattern that names no module.
        SourceError: the file cannot be written.
    """
    from pytest_nnviz.pictures import FORMATS, draw

    path: Path = options.image
    kind = path.suffix[1:].lower()
    if kind not in FORMATS:
        raise OptionError(f"--image {path}: end the name in one of {', '.join(f'.{name}' for name in FORMATS)}")
    found = vars(options)
    asked = Asked(
        found.get("depth"), tuple(options.expand), options.fold, options.parameters, found.get("neighbours", 1)
    )
    picture = draw(thing, kind, asked, side=found.get("side", "both"))
    try:
        write_atomic(path, picture if isinstance(picture, bytes) else picture.encode())
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
