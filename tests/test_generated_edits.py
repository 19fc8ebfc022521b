"""Single edits of models that nobody wrote for it: all are noticed; what changes nothing never is.

Which edits fit is found by walking the modules and by surveying one forward pass (`edits_of_modules.py`,
`edits_of_forward.py`); of those of one kind the same one is taken each time. Edits that do not run are no edits.
"""

from __future__ import annotations

from collections.abc import Iterator

import architectures
import edited_models
import pytest
import torch
from generated import LEAST, MODELS, tally_of

from pytest_nnviz import Options
from pytest_nnviz.errors import UnstableArchitecture
from pytest_nnviz.tracing import open_session

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

EAGER = ("mixtral", "qwen3moe")  # mixtures of experts in eager mode: which expert is called is a matter of values


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small models on several threads mostly wait for each other, the more so beside other workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", MODELS)
def test_every_edit_is_noticed_and_nothing_else(name, record_property):
    tally = tally_of(name)
    for what, count in tally.counts.items():
        record_property(f"generated: {what}", count)
    assert not tally.wrong, "\n\n".join(tally.wrong)
    found = [tally.counts[what] for what in ("edits of modules", "edits of forward", "that change nothing")]
    assert all(map(int.__ge__, found, LEAST[MODELS[name]])), found


def test_there_are_enough_of_them():
    """Each model has at least as many as `LEAST` says: its own test sees to that."""
    edits = sum(sum(LEAST[amounts][:2]) for amounts in MODELS.values())
    nothing = sum(LEAST[amounts][2] for amounts in MODELS.values())
    assert edits >= 300
    assert nothing >= 150
    assert len(architectures.TRANSFORMERS) >= 20
    assert len(edited_models.AWKWARD) >= 10


@pytest.mark.parametrize("name", [*edited_models.REFUSED, *EAGER])
def test_a_model_whose_values_decide_its_graph_is_refused(name, record_property):
    record_property("refused by name", name)
    model, inputs = (edited_models if name in edited_models.REFUSED else architectures).build(name)
    if name in EAGER:
        model.set_experts_implementation("eager")
    with open_session(Options(), model, (), inputs) as session, pytest.raises(UnstableArchitecture, match="values of"):
        session.check_values(session.settle(session.run()))


@pytest.mark.parametrize("name", edited_models.AWKWARD)
def test_no_other_is_refused(name):
    model, inputs = edited_models.build(name)
    with open_session(Options(), model, (), inputs) as session:
        session.check_values(session.settle(session.run()))
