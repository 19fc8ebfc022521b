"""Tables that values or random numbers decide are not recorded: they would change with the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nnviz.errors import UnstableArchitecture
from pytest_nnviz.options.summary import SummaryOptions
from pytest_nnviz.summaries.drift import diff
from pytest_nnviz.summaries.making import table_of
from pytest_nnviz.summaries.table import Summary
from pytest_nnviz.summaries.wording import words

if TYPE_CHECKING:
    from pytest_nnviz.tracing.session import Session

__all__ = ["check_values"]

_WAYS_OUT = (
    'pin them and say values="fixed" (a seed, a checkpoint, fixed inputs), or leave the forward pass out with '
    "forward=False"
)


def check_values(session: Session, summary: Summary, options: SummaryOptions) -> None:
    """Run the model with other values in its floating weights and inputs, and with other random numbers.

    Raises:
        UnstableArchitecture: the table differs; with the first row that does and the calls that read values.
    """
    reads = sorted(set(session.reads))
    for layers in session.other_layers():
        difference = diff(summary, table_of(layers, options))
        if difference:
            by = f" (values are read by {'; '.join(reads)})" if reads else ""
            name = summary.rows[0].class_name
            raise UnstableArchitecture(
                f"values of weights or inputs, or random numbers, decide the table of {name}{by}: with "
                f"others, {words(difference, lines=1)[0]}. A snapshot would change with the seed: {_WAYS_OUT}"
            )
