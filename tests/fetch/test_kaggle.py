"""Kaggle as it answers: datasets and competitions, with a token, with name and key, and without."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from pawprint.base.errors import UserError
from pawprint.base.secrets import find_secret, hide_secrets
from pawprint.fetch import kaggle as kaggle_api
from pawprint.photos.manifest import Manifest
from pawprint.photos.sources import fetch_photos

TOKEN = "KGAT_" + "0123456789abcdef"
BEARER, BASIC = f"Bearer {TOKEN}", f"Basic {b64encode(b'me:0123456').decode()}"
PAIR = '{"username": "me", "key": "0123456"}'


def fetch(source: str, folder: Path) -> Manifest:
    return fetch_photos(source, folder, keep_photos="copy", resolve_uri=Path)


def write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("cat-and-dog", "cat-and-dog.zip"),
        ("kaggle:someone/pets", "pets.zip"),
        ("https://www.kaggle.com/datasets/someone/pets", "pets.zip"),
    ],
)
def test_a_dataset_without_an_account(source: str, name: str, kaggle: tuple[Any, Any], tmp_path: Path) -> None:
    manifest = fetch(source, tmp_path / "photos")
    assert manifest.source == source
    assert manifest.archives[0].file == name
    assert manifest.url is not None
    assert manifest.url.startswith(kaggle_api.API_URL)
    assert "Authorization" not in kaggle[0].headers[0]


@pytest.mark.parametrize(
    "source", ["kaggle:competitions/dog-breeds", "https://www.kaggle.com/competitions/dog-breeds/data"]
)
def test_a_competition(source: str, kaggle: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    manifest = fetch(source, tmp_path / "photos")
    assert manifest.archives[0].file == "dog-breeds.zip"
    assert kaggle[0].asked == ["/api/v1/competitions/data/download-all/dog-breeds"]
    assert kaggle[0].headers[0]["Authorization"] == BEARER


ALL = ("token", "token in a file", "access_token", "access_token.txt", "pair", "named json", "home json", "config json")


def place_credentials(place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "token":
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    elif place == "token in a file":
        write_file(home / "secret", TOKEN + "\n")
        monkeypatch.setenv("KAGGLE_API_TOKEN", str(home / "secret"))
    elif place.startswith("access_token"):
        write_file(home / ".kaggle" / place, TOKEN + "\n")
    elif place == "pair":
        monkeypatch.setenv("KAGGLE_USERNAME", "me")
        monkeypatch.setenv("KAGGLE_KEY", "0123456")
    elif place == "named json":
        write_file(home / "named" / "kaggle.json", PAIR)
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / "named"))
    else:
        write_file(home / (".kaggle" if place == "home json" else ".config/kaggle") / "kaggle.json", PAIR)


@pytest.mark.parametrize("place", ALL)
def test_credentials_go_to_kaggle_and_no_further(
    place: str, kaggle: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_credentials(place, tmp_path / "home", monkeypatch)
    fetch("cat-and-dog", tmp_path / "photos")
    front, storage = kaggle
    assert front.headers[0]["Authorization"] == (BEARER if "token" in place else BASIC)
    assert "Authorization" not in storage.headers[0]
    assert TOKEN not in str(storage.headers) + (tmp_path / "photos" / "manifest.json").read_text()


def test_the_places_are_looked_at_in_the_order_of_kaggles_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("home json", "pair", "access_token.txt", "access_token", "token"):
        place_credentials(place, tmp_path / "home", monkeypatch)
    order = []
    while (found := kaggle_api.find_credentials()) is not None:
        order.append(found.place)
        monkeypatch.delenv(found.place, raising=False)
        if found.place.startswith("~"):
            Path(found.place).expanduser().unlink()
    names = ["KAGGLE_API_TOKEN", "access_token", "access_token.txt", "KAGGLE_KEY", "kaggle.json"]
    assert [place.rpartition("/")[2] for place in order] == names


def test_a_broken_kaggle_json_is_passed_over(kaggle: tuple[Any, Any], tmp_path: Path) -> None:
    write_file(tmp_path / "home" / ".kaggle" / "kaggle.json", "[]")
    fetch("cat-and-dog", tmp_path / "photos")
    assert "Authorization" not in kaggle[0].headers[0]


@pytest.mark.parametrize(
    ("name", "status", "place", "words"),
    [
        ("someone/nothing", 404, "token", "Kaggle has no public dataset of that name"),
        ("competitions/nothing", 404, "token", "Kaggle has no competition of that name"),
        (
            "someone/private",
            403,
            None,
            "needs an account; set KAGGLE_API_TOKEN to a token from https://www.kaggle.com/",
        ),
        ("someone/private", 401, "token", "does not accept the credentials in KAGGLE_API_TOKEN; set KAGGLE_API_TOKEN"),
        ("someone/private", 401, "home json", "does not accept the credentials in ~/.kaggle/kaggle.json"),
        ("someone/private", 403, "pair", "open https://www.kaggle.com/datasets/someone/private and ask for access"),
        ("competitions/dogs", 401, None, "accept the rules at https://www.kaggle.com/competitions/dogs/rules"),
        ("competitions/dogs", 403, "token", "not accepted; open https://www.kaggle.com/competitions/dogs/rules"),
    ],
)
def test_a_refusal_says_what_to_do(
    name: str, status: int, place: str | None, words: str, kaggle: tuple[Any, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if place:
        place_credentials(place, tmp_path / "home", monkeypatch)
    path = kaggle_api.kaggle_url(name).removeprefix(kaggle[0].url)
    kaggle[0].give_error(path, status)
    with pytest.raises(UserError) as error:
        fetch(f"kaggle:{name}", tmp_path / "photos")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_token_is_known_by_its_form() -> None:
    assert hide_secrets(f"<title>{TOKEN} and hf_{'a' * 34}</title>") == "<title>… and …</title>"
    assert find_secret(f"kaggle:{TOKEN}@owner/slug") == "an access token"
    assert find_secret("kaggle:owner/kgat_photos,hf:owner/hf_photos") is None
