"""Options: one dataclass a fixture, behind ``.using(...)``, the marker and the ini keys."""

from pytest_nnviz.kinds import FILTERS, SNAPSHOT, SUMMARY, Kind
from pytest_nnviz.options.base import OptionsBase
from pytest_nnviz.options.filters import FilterOptions
from pytest_nnviz.options.snapshot import Options
from pytest_nnviz.options.summary import SummaryOptions

__all__ = ["OPTIONS", "FilterOptions", "Options", "OptionsBase", "SummaryOptions"]

OPTIONS: dict[Kind, type[OptionsBase]] = {SNAPSHOT: Options, SUMMARY: SummaryOptions, FILTERS: FilterOptions}
