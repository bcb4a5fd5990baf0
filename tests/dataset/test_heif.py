"""HEIC photos, as iPhones store them, are read like any other."""

import base64
import sys
from types import ModuleType

import pytest

from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from tests.dataset.test_decode import UPRIGHT, corners

# Four coloured quadrants, as `quadrants` draws them.
PLAIN = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAEEAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xy"
    "bmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAElt"
    "ZGF0AAAAPSgBrwngIzaiP//70X3//tzHof61s3SnH+R3v//ScL//vUENE//2tIgP7Xde/+mDaRZ1/PcYGfymWVfn878="
)
# The same, to be shown turned by a quarter.
TURNED = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAABxQABAAAAAAAAAEEAAgAAAAACBgABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq"
    "SSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAABBw"
    "aXhpAAAAAAMICAgAAAAJaXJvdAMAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAG1t"
    "ZGF0AAAAPSgBrwngIzaiP//70X3//tzHof61s3SnH+R3v//ScL//vUENE//2tIgP7Xde/+mDaRZ1/PcYGfymWVfn878AAAAGRXhp"
    "ZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA="
)
# Four tiles of a larger one: a phone's photo is many.
TILED = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAlttZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ABBpZGF0AAABAQCAAIAAAAB0aWxvYwEAAABEQAAFAAEAAQAAAAAAAAABAAAAAAAAAAgAAgAAAAAAAAJ/AAEAAAAAAAAAHgADAAAA"
    "AAAAAp0AAQAAAAAAAAAeAAQAAAAAAAACuwABAAAAAAAAAB4ABQAAAAAAAALZAAEAAAAAAAAAFgAAAHdpaW5mAAAAAAAFAAAAFWlu"
    "ZmUCAAAAAAEAAGdyaWQAAAAAFWluZmUCAAABAAIAAGh2YzEAAAAAFWluZmUCAAABAAMAAGh2YzEAAAAAFWluZmUCAAABAAQAAGh2"
    "YzEAAAAAFWluZmUCAAABAAUAAGh2YzEAAAAADnBpdG0AAAAAAAEAAAEFaXBycAAAAMtpcGNvAAAAFGlzcGUAAAAAAAAAgAAAAIAA"
    "AAB4aHZjQwEDcAAAAJAAAAAAAB7wAPz9+PgAAA8DYAABABhAAQwB//8DcAAAAwCQAAADAAADAB66AkBhAAEAK0IBAQNwAAADAJAA"
    "AAMAAAMAHqAggQWW6kkprm4CGgwIAAADAMgAAAMACEBiAAEAB0QBwXKwIkAAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAA"
    "AAAAQAAAAEAAAAAQcGl4aQAAAAADCAgIAAAAMmlwbWEAAAAAAAAABQABAwGFAwACBIIDBAUAAwSCAwQFAAQEggMEBQAFBIIDBAUA"
    "AAAgaXJlZgAAAAAAAAAUZGltZwABAAQAAgADAAQABQAAAHhtZGF0AAAAGigBrwngIzaiP//70X3//tzHof61s5BT/xY+AAAAGigB"
    "rwngITl1X1/5lX//+mbX//ycx50HMPX4AAAAGigBrwngITl1X//+rHfvf8YDP/+0Fp0HMPX4AAAAEigBrwngIYU0pd4/xLzyzroX"
    "Pg=="
)


@pytest.mark.parametrize(("data", "orientation"), [(PLAIN, 1), (TURNED, 6), (TILED, 1)])
def test_heic_is_read_upright(data: bytes, orientation: int) -> None:
    assert corners(decode_photo(data, 32)) == UPRIGHT[orientation]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_heic_is_refused(share: float) -> None:
    with pytest.raises(UnreadablePhoto, match="corrupt or truncated"):
        decode_photo(PLAIN[: int(share * len(PLAIN))], 32)


def test_without_a_library_the_reason_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pi_heif", "pillow_heif"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnreadablePhoto, match=r"HEIC.*pip install pi-heif-decoder, or convert it to JPEG"):
        decode_photo(PLAIN, 32)


def test_a_library_with_known_holes_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("pi_heif")
    old.libheif_version = lambda: "1.23.0"
    monkeypatch.setitem(sys.modules, "pi_heif", old)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnreadablePhoto, match=r"pi_heif's libheif 1\.23\.0 is too old to be safe"):
        decode_photo(PLAIN, 32)


def test_another_library_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import pi_heif
    import pi_heif.as_plugin

    monkeypatch.setitem(sys.modules, "pi_heif", None)
    other = ModuleType("pillow_heif")
    other.libheif_version = pi_heif.libheif_version
    monkeypatch.setitem(sys.modules, "pillow_heif", other)
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", pi_heif.as_plugin)
    assert corners(decode_photo(PLAIN, 32)) == UPRIGHT[1]
