"""A checkpoint that was changed, cut or forged is noticed before anything in it is used."""

import dataclasses
import hashlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.training.checkpoint_file import (
    DamagedCheckpointError,
    pack,
    read_checkpoint,
    unpack,
    write_checkpoint,
)
from tests.training.checkpoint_examples import assert_equal, checkpoint


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(checkpoint(), tmp_path / "one.checkpoint")
    assert_equal(read_checkpoint(tmp_path / "one.checkpoint"), checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["one.checkpoint"]


PACKED = pack(checkpoint())


@given(position=st.integers(0, len(PACKED) - 1), flipped=st.integers(1, 255))
def test_any_changed_byte_is_noticed(position, flipped):
    data = bytearray(PACKED)
    data[position] ^= flipped
    with pytest.raises(DamagedCheckpointError):
        unpack(bytes(data))


@given(length=st.integers(0, len(PACKED) - 1))
def test_a_file_cut_short_is_noticed(length):
    with pytest.raises(DamagedCheckpointError):
        unpack(PACKED[:length])


def test_what_needs_unpickling_is_refused_though_its_digest_is_right(monkeypatch):
    # `pack` refuses objects too, so that no checkpoint is written which can't be read.
    bad = dataclasses.replace(checkpoint(), arrays={"learner": [np.array([{}])]})
    with pytest.raises(ValueError, match="pickle"):
        pack(bad)
    savez = np.savez

    def careless(file, *, allow_pickle, **arrays):
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", careless)
    with pytest.raises(DamagedCheckpointError, match="allow_pickle"):
        unpack(pack(bad))


def forge(content):
    """The content of a checkpoint under the digest that it then has, as someone would who means harm."""
    magic = PACKED.partition(b"\n")[0]
    return b"\n".join([magic, hashlib.sha256(content).hexdigest().encode(), content])


CONTENT = PACKED.split(b"\n", 2)[2]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_forged_one_is_decompressed(method):
    """Fuzzing found that each decompressor has errors of its own."""
    assert_equal(unpack(forge(CONTENT)), checkpoint())
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as plain, zipfile.ZipFile(buffer, "w", method) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(DamagedCheckpointError, match="compressed"):
        unpack(forge(buffer.getvalue()))
    at = CONTENT.index(b"PK\x01\x02") + 10  # the method in the directory's first entry (APPNOTE 4.3.12)
    with pytest.raises(DamagedCheckpointError, match="compressed"):
        unpack(forge(CONTENT[:at] + bytes([method, 0]) + CONTENT[at + 2 :]))


def test_a_forged_header_of_an_array_is_damage():
    """NumPy reads it as Python, and fuzzing found that an open bracket ends its tokenizer."""
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as plain:
        members = {name: plain.read(name) for name in plain.namelist()}
    name = next(name for name in members if name != "facts.npy")
    members[name] = members[name].replace(b")", b"(", 1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as forged:
        for each, data in members.items():
            forged.writestr(each, data)
    with pytest.raises(DamagedCheckpointError, match="TokenError"):
        unpack(forge(buffer.getvalue()))
