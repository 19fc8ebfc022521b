"""The JSON Schema of the package, held strictly: a field that it does not name is refused."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

__all__ = ["SCHEMA", "validate"]

SCHEMA = json.loads(files("pytest_nnviz.report").joinpath("schema.json").read_text("utf-8"))


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if "properties" in node else {}
    return {**{key: _strict(value) for key, value in node.items()}, **closed}


def validate(document: Any) -> None:
    """Hold a document against what its ``schema`` names; the failure says where it differs."""
    kind = document["schema"].removeprefix("nnviz-").partition(" ")[0]
    strict = _strict(SCHEMA)
    del strict["oneOf"]
    Draft202012Validator({**strict, "$ref": f"#/$defs/{kind}"}).validate(document)
    Draft202012Validator(SCHEMA).validate(document)
