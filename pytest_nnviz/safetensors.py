"""The header of a safetensors file: names, dtypes and shapes of its tensors, read without the tensors."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

from pytest_nnviz.architecture import TensorSpec
from pytest_nnviz.errors import SourceError

__all__ = ["read_safetensors"]

# The limit of the safetensors package itself, which no header of a real file comes near.
_LONGEST_HEADER = 100_000_000
_NAMES = {
    "F8_E4M3": "f8_e4m3fn",
    "F8_E5M2": "f8_e5m2",
    "F8_E4M3FNUZ": "f8_e4m3fnuz",
    "F8_E5M2FNUZ": "f8_e5m2fnuz",
    "F8_E8M0": "f8_e8m0fnu",
}
_BITS = dict.fromkeys(_NAMES, 8) | {"BF16": 16, "BOOL": 8, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
_BITS |= {f"{kind}{bits}": bits for kind in "IUF" for bits in (8, 16, 32, 64)}
_OTHERS = {
    b"PK\x03\x04": "a zip, as torch.save writes it: its tensors cannot be listed without unpickling; "
    "save it with safetensors.torch.save_file",
    b"\x80": "a pickle, as torch.save writes it: save it with safetensors.torch.save_file",
    b"GGUF": "a GGUF file",
    b"nnviz ": "a snapshot: give the checkpoint first, then the snapshot",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a pointer of git LFS: git lfs pull",
}


def read_safetensors(path: Path) -> dict[str, TensorSpec]:
    """Names and specifications of the tensors of a file, or of all shards that an index (``.json``) names.

    Raises:
        SourceError: it cannot be read, is no safetensors file, was cut off, or does not fit its index.
    """
    try:
        return _sharded(path) if path.suffix == ".json" else _single(path)
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 (Path raises where a name is too long)
            raise SourceError(
                f"{path} is a folder: give the model.safetensors or model.safetensors.index.json in it"
            ) from None
        raise SourceError(f"{error.filename or path} cannot be read: {error.strerror or error}") from None


def _single(path: Path) -> dict[str, TensorSpec]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = _header(file, size, path)
        start = file.tell()
    tensors = {name: facts for name, facts in header.items() if name != "__metadata__"}
    end = 0
    for name, facts in sorted(tensors.items(), key=lambda item: _offsets(item[1], item[0], path)):
        begin, stop = _offsets(facts, name, path)
        if begin != end:
            raise SourceError(f"{path}: damaged: the data of {name!r} starts at {begin:,}, not at {end:,}")
        end = stop
    if size - start != end:
        raise SourceError(f"{path}: cut off or damaged: {end:,} bytes of tensors announced, {size - start:,} there")
    return {name: _spec(facts) for name, facts in tensors.items()}


def _header(file: BinaryIO, size: int, path: Path) -> dict[str, Any]:
    start = file.read(32)
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or length > _LONGEST_HEADER:
        what = next((what for magic, what in _OTHERS.items() if start.startswith(magic)), "")
        raise SourceError(f"{path}: not a safetensors file" + (f" but {what}" if what else ""))
    if length > size - 8:
        raise SourceError(f"{path}: cut off: its header has {length:,} bytes, {size - 8:,} are there")
    file.seek(8)
    header = _json(file.read(length), path)
    if not isinstance(header, dict):
        raise SourceError(f"{path}: not a safetensors file: its header is no table of tensors")
    return header


def _json(data: bytes, path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise SourceError(f"{path}: damaged: {twice!r} stands twice in it")
        return found

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: damaged: what it says of its tensors is no JSON ({error})") from None


def _offsets(facts: Any, name: str, path: Path) -> tuple[int, int]:
    """Where the data of a tensor begins and ends, once that is known to fit its dtype and shape."""
    match facts:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            sizes = all(type(size) is int and size >= 0 for size in shape)
            bits = _BITS.get(dtype)
            fits = bits is None or (sizes and (end - begin) * 8 == math.prod(shape) * bits)
            if sizes and 0 <= begin <= end and fits:
                return begin, end
    raise SourceError(f"{path}: damaged: what it says of {name!r} does not fit together")


def _spec(facts: dict[str, Any]) -> TensorSpec:
    dtype = facts["dtype"]
    return TensorSpec(_NAMES.get(dtype, dtype.lower()), tuple(facts["shape"]))


def _sharded(path: Path) -> dict[str, TensorSpec]:
    index = _json(path.read_bytes(), path)
    homes = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(homes, dict) or not all(isinstance(home, str) for home in homes.values()):
        raise SourceError(f"{path}: not an index of safetensors files: it has no weight_map")
    shards = {name: _shard(path, name) for name in dict.fromkeys(homes.values())}
    missing = [key for key, home in homes.items() if key not in shards[home]]
    if missing:
        raise SourceError(f"{path}: {missing[0]!r} is not in {homes[missing[0]]!r}, as the index says{_more(missing)}")
    return {key: spec for shard in shards.values() for key, spec in shard.items()}


def _shard(index: Path, name: str) -> dict[str, TensorSpec]:
    if not name or Path(name).name != name:
        raise SourceError(f"{index}: the shard {name!r} is no file beside it")
    path = index.with_name(name)
    if not path.is_file():
        raise SourceError(f"{index}: the shard {name!r} is not beside it")
    return _single(path)


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1:,} more)" if len(keys) > 1 else ""
