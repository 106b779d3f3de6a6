"""Blosc-compressed HDF5 chunks, which h5py alone cannot undo: the raw LHC Olympics files are made of them.

The container is that of C-Blosc 1 (github.com/Blosc/c-blosc, README_CHUNK_FORMAT.rst): a header, blocks, and
in each block one stream per byte of an element, so that equal bytes of neighbouring numbers stand together.
"""

from __future__ import annotations

import struct
import zlib
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILTER = 32001  # what the HDF Group registered for Blosc
_SHUFFLED, _STORED, _BITS, _WHOLE = 0x1, 0x2, 0x4, 0x10


def read_rows(dataset: Any, start: int, stop: int) -> NDArray[Any]:
    """Return the rows of a Blosc-compressed dataset as ``dataset[start:stop]`` would.

    Raises
    ------
    ValueError
        If a chunk is damaged, or compressed with another codec than BloscLZ and Zlib.
    """
    rows, *others = dataset.chunks
    stop = min(stop, len(dataset))
    out = np.empty((stop - start, *dataset.shape[1:]), dtype=dataset.dtype)
    corners = [range(0, size, step) for size, step in zip(dataset.shape[1:], others, strict=True)]
    for first, *corner in product(range(start // rows * rows, stop, rows), *corners):
        mask, raw = dataset.id.read_direct_chunk((first, *corner))
        plain = bytes(raw) if mask else decompress(bytes(raw))
        chunk = np.frombuffer(plain, dtype=dataset.dtype).reshape(dataset.chunks)
        begin, end = max(first, start), min(first + rows, stop)
        place = [slice(at, at + step) for at, step in zip(corner, others, strict=True)]
        room = out[(slice(begin - start, end - start), *place)]
        inside = [slice(0, size) for size in room.shape[1:]]
        room[...] = chunk[(slice(begin - first, end - first), *inside)]
    return out


def decompress(raw: bytes) -> bytes:
    """Return the contents of one Blosc chunk."""
    flags, typesize, size, blocksize, _ = struct.unpack("<xxBBiii", raw[:16])
    if flags & _STORED:
        return raw[16 : 16 + size]
    codec = flags >> 5
    if codec not in (0, 3) or flags & _BITS:
        raise ValueError(f"Blosc codec {codec}, flags {flags:#x}: not supported here; pip install hdf5plugin")
    blocks = -(-size // blocksize)
    out = bytearray()
    for block, at in enumerate(struct.unpack(f"<{blocks}i", raw[16 : 16 + 4 * blocks])):
        length = min(blocksize, size - block * blocksize)
        whole = flags & _WHOLE or typesize > 16 or blocksize // typesize < 128 or length < blocksize
        splits = 1 if whole else typesize
        plain = bytearray()
        for _ in range(splits):
            packed = struct.unpack("<i", raw[at : at + 4])[0]
            stream, at = raw[at + 4 : at + 4 + packed], at + 4 + packed
            if packed < length // splits:
                stream = zlib.decompress(stream) if codec else _blosclz(stream)
            plain += stream
        if len(plain) != length:
            raise ValueError(f"damaged Blosc block: {len(plain)} bytes instead of {length}")
        out += _unshuffle(plain, typesize) if flags & _SHUFFLED else plain
    return bytes(out)


def _unshuffle(plain: bytearray, typesize: int) -> bytes:
    whole = len(plain) // typesize * typesize
    columns = np.frombuffer(plain[:whole], dtype=np.uint8).reshape(typesize, -1)
    return np.ascontiguousarray(columns.T).tobytes() + bytes(plain[whole:])


def _blosclz(packed: bytes) -> bytes:
    """Undo BloscLZ: runs of literal bytes, and copies (length, distance) of what came before."""
    out = bytearray()
    at, end, control = 1, len(packed), packed[0] & 31
    while True:
        if control < 32:
            out += packed[at : at + control + 1]
            at += control + 1
        else:
            length, distance = (control >> 5) + 2, (control & 31) << 8
            if length == 9:
                while packed[at] == 255:
                    length += 255
                    at += 1
                length += packed[at]
                at += 1
            low = packed[at]
            at += 1
            if low == 255 and distance == 31 << 8:
                distance = 8191 + (packed[at] << 8) + packed[at + 1]
                at += 2
            else:
                distance += low
            source = len(out) - distance - 1
            if source < 0:
                raise ValueError("damaged Blosc stream: a copy from before its beginning")
            pattern = out[source : source + length]
            out += pattern if len(pattern) == length else (pattern * (length // len(pattern) + 1))[:length]
        if at >= end:
            return bytes(out)
        control = packed[at]
        at += 1
