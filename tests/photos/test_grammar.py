from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.photos.grammar import parse_source


def kinds(source: str) -> list[list[tuple[str, str, str | None]]]:
    return [[(p.kind, p.text, p.split) for p in one.places] for one in parse_source(source)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("synthetic", "synthetic"),
        ("synthetic:500", "synthetic"),
        ("synthetic:500:3", "synthetic"),
        ("kaggle:owner/some-slug", "kaggle"),
        ("gdrive:1AbC_dEf-0123456789", "gdrive"),
        ("https://example.org/pets.zip?page=a:b", "http"),
        ("s3://bucket/pets.zip", "bucket"),
        ("gs://bucket/pets.zip", "bucket"),
        ("s3://bucket/folder of photos/", "bucket"),
        ("s3://bucket/", "bucket"),
        ("az://container/pets.zip", "bucket"),
        ("abfss://container@account.dfs.core.windows.net/pets/", "bucket"),
        ("wasbs://container@account.blob.core.windows.net/pets.zip", "bucket"),
        ("kaggle:competitions/dog-breeds", "kaggle"),
        ("hf:owner/some-pets", "hf"),
        ("hf:owner/pets@refs/pr/1", "hf"),
        ("file:///data/pets.zip", "path"),
        ("runs:/0123456789abcdef/photos", "runs"),
        ("/data/pets", "path"),
        ("~/pets", "path"),
        ("pets.tar.xz", "path"),
        ("C:\\pets\\photos.zip", "path"),
    ],
)
def test_every_kind_of_place(text: str, kind: str) -> None:
    assert kinds(text) == [[(kind, text, None)]]


def test_a_registered_name_is_read_as_the_place_it_stands_for() -> None:
    (alternative,) = parse_source("train=cat-and-dog+test=/data/pets.zip")
    first, second = alternative.places
    assert (first.kind, first.text, first.split) == ("kaggle", "kaggle:tongpython/cat-and-dog", "train")
    assert "kaggle.com/datasets/tongpython/cat-and-dog" in str(first.licence)
    assert second.licence is None


@pytest.mark.parametrize(
    ("page", "place"),
    [
        ("https://www.kaggle.com/datasets/owner/some-slug", "kaggle:owner/some-slug"),
        ("https://www.kaggle.com/c/dog-breeds/data", "kaggle:competitions/dog-breeds"),
        ("https://huggingface.co/datasets/owner/pets", "hf:owner/pets"),
        ("https://huggingface.co/datasets/owner/pets/tree/v1", "hf:owner/pets@v1"),
    ],
)
def test_the_address_of_a_datasets_page_is_read_as_the_dataset(page: str, place: str) -> None:
    assert kinds(page) == [[(place.partition(":")[0], place, None)]]


def test_a_list_is_read_in_order_and_spaces_do_not_count() -> None:
    assert [one.text for one in parse_source("cat-and-dog, synthetic:100")] == ["cat-and-dog", "synthetic:100"]


def test_a_pair_is_read_in_a_fixed_order() -> None:
    expected = [[("path", "a/train.zip", "train"), ("http", "https://x.org/b.zip", "test")]]
    assert kinds("train=a/train.zip+test=https://x.org/b.zip") == expected
    assert kinds("test=https://x.org/b.zip+train=a/train.zip") == expected
    assert len(kinds("validation=./v+train=./a+test=./b,synthetic")[0]) == 3


def test_commas_and_pluses_of_existing_paths_belong_to_them(tmp_path: Path) -> None:
    for name in ("cats, dogs+more", "a", "a,b", "x+test=1"):
        (tmp_path / name).mkdir()
    assert len(kinds(f"{tmp_path}/cats, dogs+more,synthetic")) == 2
    assert kinds(f"{tmp_path}/a,b") == [[("path", f"{tmp_path}/a,b", None)]]
    assert len(kinds(f"{tmp_path}/a,{tmp_path}/a,b,synthetic")) == 3
    assert kinds(f"train={tmp_path}/a,b+test={tmp_path}/cats, dogs+more,synthetic")[0] == [
        ("path", f"{tmp_path}/a,b", "train"),
        ("path", f"{tmp_path}/cats, dogs+more", "test"),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "source is empty"),
        ("  ", "source is empty"),
        ("cat-and-dog,,synthetic", "empty place"),
        ("cat-and-dog,", "empty place"),
        ("cat-and-dgo", "did you mean 'cat-and-dog'"),
        ("cats_and_dogs,synthetic", "did you mean 'cat-and-dog'"),
        ("synthetik", "did you mean 'synthetic'"),
        ("synthetik:100", "did you mean synthetic:100"),
        ("kagle:a/b", "did you mean kaggle:a/b"),
        ("photos", "no such path exists"),
        ("synthetic:", "expected synthetic:<photos>"),
        ("synthetic:many", "expected synthetic:<photos>"),
        ("synthetic:100:0:1", "expected synthetic:<photos>"),
        ("synthetic:-5", "expected synthetic:<photos>"),
        ("synthetic:1", "expected 2 to"),
        ("synthetic:0", "expected 2 to"),
        ("kaggle:slug", "expected kaggle:<owner>/<slug>, or kaggle:competitions/<slug>"),
        ("gdrive:https", "expected gdrive:<file id>"),
        ("runs:/abc", "expected runs:/<run id>/photos"),
        ("dropbox://pets.zip", "dropbox:// is not offered; the schemes that are: http://, https://, s3://"),
        ("https:///pets.zip", "names no host"),
        ("s3://", "names no bucket"),
        ("s3://bucket", "or s3://bucket/ for all that it holds"),
        ("hf:owner", "expected hf:<owner>/<name>"),
        ("huggingface:owner/pets", "expected a registered name"),
        ("abfss://container:secret@account.dfs.core.windows.net/x", "carries a name or password before the host"),
        ("https://me:secret@example.org/pets.zip", "carries a name or password before the host"),
        ("synthetic,s3://me:a/b@pets/x.zip", "carries a name or password before the host"),
        ("https://example.org/pets.zip?X-Amz-Signature=ab12", "carries the parameter X-Amz-Signature"),
        ("https://example.org/pets.zip?a=1&sig=ab12", "carries the parameter sig"),
        ("train=https://a.org/x.zip?access_token=ab12+test=synthetic", "carries the parameter access_token"),
        ("https://a.org/?to=https%3A%2F%2Fme%3Apw%40b.org%2Fx", "carries a name or password before the host"),
        ("htps://example.org/pets.zip?token=ab12", "carries the parameter token"),
        ("https://[example.org/pets.zip", "is no URL"),
        ("train=/a/b", "expected train=<source>+test=<source>"),
        ("train=/a+train=/b", "expected train=<source>+test=<source>"),
        ("train=/a+test=", "without a place"),
        ("train=/a+test=cat-and-dgo", "did you mean 'cat-and-dog'"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(source: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        parse_source(source)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_secret_is_not_said_again() -> None:
    with pytest.raises(UserError) as error:
        parse_source("https://me:secret@example.org/pets.zip")
    assert "secret" not in str(error.value)
