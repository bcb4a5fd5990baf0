"""Class names that are words of ours, and ways to write a path or an address that are not mistakes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.base.secrets import find_secret, hide_secrets
from pawprint.photos.grammar import expand_path
from pawprint.photos.sources import check_source
from tests.labels.labelling import label_members


@pytest.mark.parametrize("around", ["", "tickets/", "train/"])
def test_valid_beside_invalid_is_a_class_and_not_a_split(around: str) -> None:
    members = [f"{around}{label}/{number}.jpg" for label in ("valid", "invalid") for number in range(3)]
    labelled, left_out = label_members(members)
    split = "train" if around == "train/" else None
    assert {(one.label, one.split) for one in labelled} == {("valid", split), ("invalid", split)}
    assert not left_out


def test_valid_beside_train_is_a_split() -> None:
    members = [f"{split}/{label}/{number}.jpg" for split in ("train", "valid") for label in "ab" for number in range(3)]
    assert {one.split for one in label_members(members)[0]} == {"train", "validation"}


@pytest.mark.parametrize("text", ["~/pets", "file://~/pets", "file:///~/pets", "file://~/pe%74s"])
def test_a_tilde_is_the_home_in_every_way_to_write_a_path(
    text: str, alone: Path, tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tiny_photos(name="pets").parent
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    assert expand_path(text) == home / "pets"
    check_source(text)


@pytest.mark.parametrize("text", ["~/dogs", "file://~/dogs"])
def test_what_a_tilde_stands_for_is_said_where_nothing_is(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist") as refused:
        check_source(text)
    assert str(Path("~/dogs").expanduser()) in str(refused.value)


@pytest.mark.parametrize("scheme", ["abfs", "abfss", "wasb", "wasbs"])
def test_the_container_in_an_azure_address_is_no_secret(scheme: str) -> None:
    address = f"{scheme}://photos@account.dfs.core.windows.net/pets.zip"
    assert find_secret(address) is None
    assert hide_secrets(address) == address
    check_source(address)
    for secret in (f"{scheme}://me:pa55word@account/pets.zip", f"{address}?sv=2024&sig=ab12", "az://me@account/x.zip"):
        assert find_secret(secret)
        assert "pa55word" not in hide_secrets(secret)
