"""The same text from every release of torch: texts on disk, held against whatever torch runs the tests.

Record anew with ``pytest --snapshot-update tests/test_pinned.py``.
"""

from __future__ import annotations

import architectures
import breadth
import pytest

from pytest_nnviz.options.summary import COL_NAMES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

# transformers runs these on another path by torch release, so their insides are not pinned.
EXPERTS = {"mixtral": ("*.experts",), "qwen3moe": ("*.experts",)}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", breadth.MODELS)
def test_torch(name, mode, nnviz_snapshot):
    model, inputs = breadth.build(name)
    nnviz_snapshot.using(images="off", mode=mode, values="fixed")(model, *inputs)


@pytest.mark.parametrize("name", [*architectures.TRANSFORMERS, *architectures.PLAIN])
def test_architecture(name, nnviz_snapshot):
    model, inputs = architectures.build(name)
    nnviz_snapshot.using(images="off", values="fixed", opaque=EXPERTS.get(name, ()))(model, **inputs)


@pytest.mark.parametrize("name", [*architectures.TRANSFORMERS, *architectures.PLAIN])
def test_summary(name, nnviz_summary):
    model, inputs = architectures.build(name)
    nnviz_summary.using(depth=4, col_names=COL_NAMES, values="fixed")(model, **inputs)


def test_experts_are_excepted_by_name():
    assert EXPERTS.keys() <= architectures.TRANSFORMERS.keys()
