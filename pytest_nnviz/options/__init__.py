"""Options: one dataclass a fixture, behind ``.using(...)``, the marker and the ini keys."""

from pytest_nnviz.kinds import SNAPSHOT, Kind
from pytest_nnviz.options.base import OptionsBase
from pytest_nnviz.options.snapshot import Options

__all__ = ["OPTIONS", "Options", "OptionsBase"]

OPTIONS: dict[Kind, type[OptionsBase]] = {SNAPSHOT: Options}
