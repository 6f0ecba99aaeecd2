"""Taking a run's files apart, and putting them together again."""

import json
import struct

from minae.checkpoint import KEY


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def taken_apart(path):
    """Return the header of a safetensors file, the metadata in it, and the bytes of the arrays."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    return header, json.loads(header["__metadata__"][KEY]), whole[8 + length :]


def put_together(path, header, text, arrays):
    header = json.dumps({**header, "__metadata__": {KEY: text}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + arrays)
