import os
import pickle
import re
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from pawprint.models.torch_file import MAGIC_NUMBER, PROTOCOL_VERSION, load_tensors


class Reference:
    def __init__(self, pid):
        self.pid = pid


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.pid if isinstance(thing, Reference) else None


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes tensors as PyTorch before 1.6 did; PyTorch itself is not needed."""

    def rebuild(*_):
        """Stand for torch._utils._rebuild_tensor_v2 in the pickle."""

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage_type = type("FloatStorage", (), {"__module__": "torch"})
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = storage_type, rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Tensor:
        def __init__(self, *view):
            self.view = view

        def __reduce__(self):
            return rebuild, (*self.view, False, OrderedDict())

    def to_file(elements, views, extra=None, length=None):
        elements = np.asarray(elements, "<f4")
        length = len(elements) if length is None else length
        storage = Reference(("storage", storage_type, "7", "cpu", length, None))
        tensors = OrderedDict((name, Tensor(storage, *view)) for name, view in views.items())
        path = tmp_path / "weights.pth"
        with path.open("wb") as file:
            for thing in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}):
                pickle.dump(thing, file, protocol=2)
            Pickler(file, protocol=2).dump(tensors if extra is None else OrderedDict(tensors, extra=extra))
            pickle.dump(["7"], file, protocol=2)
            file.write(length.to_bytes(8, "little") + elements.tobytes())
        return path

    return to_file


def test_tensors_are_views_by_offset_shape_and_strides(write):
    path = write(range(10), {"rows": (1, (2, 3), (3, 1)), "permuted": (1, (3, 2), (1, 3)), "one": (9, (), ())})
    tensors = load_tensors(path)
    assert list(tensors) == ["rows", "permuted", "one"]
    np.testing.assert_array_equal(tensors["rows"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(tensors["permuted"], [[1, 4], [2, 5], [3, 6]])
    assert tensors["one"] == 9
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_nothing_that_a_pickle_asks_for_is_run(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write([1.0], {"one": (0, (), ())}, extra=Malicious())
    with pytest.raises(ValueError, match=re.escape(f"{os.mkdir.__module__}.mkdir, which is no tensor")):
        load_tensors(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("view", [(0, (5,), (1,)), (-1, (1,), (1,)), (3, (2, 1), (-1, 1)), (0, (2, 2), (3, 1))])
def test_no_view_reaches_outside_its_storage(write, view):
    with pytest.raises(ValueError, match="past the end"):
        load_tensors(write(range(4), {"far": view}))


def test_no_view_is_larger_than_its_storage(write):
    """Strides of 0 stay inside, but 4 numbers would become 40 gigabytes."""
    with pytest.raises(ValueError, match="larger than its storage"):
        load_tensors(write(range(4), {"bomb": (0, (10**6, 10**4), (0, 0))}))


def test_memory_is_asked_for_only_when_the_file_holds_as_much(write):
    with pytest.raises(ValueError, match="cut short"):
        load_tensors(write(range(4), {"all": (0, (4,), (1,))}, length=2**55))


@pytest.mark.parametrize("length", [0, 5, 40, -1, -5])
def test_a_file_cut_short_is_refused_by_name(write, length):
    path = write(range(4), {"all": (0, (4,), (1,))})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"weights\.pth is no file of PyTorch weights"):
        load_tensors(path)


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "new.pth"
    path.write_bytes(b"PK\x03\x04 a zip, as PyTorch writes since 1.6")
    with pytest.raises(ValueError, match=r"new\.pth is no file"):
        load_tensors(path)


def test_a_number_of_remembered_objects_beyond_the_file_asks_for_no_memory(tmp_path):
    path = tmp_path / "greedy.pth"
    path.write_bytes(b"\x80\x02K\x01r\xff\xff\xff\xff.")  # LONG_BINPUT 4294967295: the unpickler would take 64 GB
    with pytest.raises(ValueError, match="remembers object number 4294967295"):
        load_tensors(path)


@pytest.mark.parametrize(
    ("claim", "error"),
    [
        # Three bytes that claim to be 2 ** 62, and a frame of more than there are numbers for: found by fuzzing.
        (pickle.PROTO + b"\x04" + pickle.BINBYTES8 + (2**62).to_bytes(8, "little") + b"abc", "MemoryError"),
        (pickle.PROTO + b"\x04" + pickle.FRAME + (2**63).to_bytes(8, "little") + b"N.", "OverflowError"),
    ],
)
def test_a_length_that_nobody_has_the_memory_for_is_damage(tmp_path, claim, error):
    head = b"".join(pickle.dumps(one, protocol=2) for one in (MAGIC_NUMBER, PROTOCOL_VERSION, {}))
    (tmp_path / "weights.pth").write_bytes(head + claim)
    with pytest.raises(ValueError, match=f"no file of PyTorch weights that can be read here: {error}"):
        load_tensors(tmp_path / "weights.pth")
