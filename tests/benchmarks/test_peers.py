"""The peers get the very photos of our splits, time enough, and a row each in the table."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.peers.__main__ import OURS, PRETRAINED_EPOCHS, ROWS, count_lines, tabulate
from benchmarks.peers.hand_over import hand_over
from benchmarks.peers.programs import Result, learn_for, score
from pawprint.models.architectures import recipe_for

FOLDER = Path(__file__).parents[2] / "benchmarks" / "peers"


def test_each_photo_is_handed_over_once_in_its_split_and_class(
    tmp_path: Path, tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    source = tiny_photos(photos=20)
    data = hand_over(str(source), tmp_path / "photos", recipe=recipe_for("cnn"), seed=0)
    given = {hashlib.sha256(path.read_bytes()).digest(): path.parent.name for path in source.rglob("*.jpg")}
    numbers = {name: f"{number:04d}" for number, name in enumerate(data.class_names)}
    for name, split in data.splits.items():
        files = sorted((tmp_path / "photos" / name).rglob("*.*"), key=lambda path: path.stem)
        assert [path.stem for path in files] == [f"{row:06d}" for row in range(len(split))]
        for path, member, label in zip(files, split.members, split.labels, strict=True):
            assert path.read_bytes() == (source / member).read_bytes()
            label_given = given.pop(hashlib.sha256(path.read_bytes()).digest())
            assert path.parent.name == numbers[label_given] == f"{label:04d}"
    assert not given


def test_a_photo_that_not_every_peer_reads_becomes_png(tmp_path: Path, tiny_photos: Callable[..., Path]) -> None:
    source = tiny_photos(photos=10)
    for path in source.rglob("*.jpg"):
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))
        path.unlink()
    hand_over(str(source), tmp_path / "photos", recipe=recipe_for("cnn"), seed=0)
    files = [path for path in (tmp_path / "photos").rglob("*.*") if path.is_file()]
    assert len(files) == 20
    assert {path.suffix for path in files} == {".png"}


@pytest.mark.parametrize(("minutes", "epochs"), [(4.5, 16), (1.6, 4), (1.0, 1), (0.5, 1)])
def test_epochs_fill_the_minutes(minutes: float, epochs: int) -> None:
    def learn(epochs: int) -> Result:
        return Result(0, 0, minutes=9, processor_minutes=0.5 + 0.25 * epochs, mebibytes=0, epochs=epochs)

    assert learn_for(minutes, learn).epochs == epochs


def test_scores_are_those_of_evaluate() -> None:
    assert score([0, 0, 1, 1], [0, 1, 1, 1], 2) == (0.75, pytest.approx(0.8))
    assert score([0, 1, 2], [0, 1, 1], 3) == (pytest.approx(2 / 3), pytest.approx((1 + 2 / 3) / 3))


def test_table_has_means_deviations_and_the_lines_of_a_peer() -> None:
    found = {
        ("bees", "cnn"): [Result(0.9, 0.8, 4.0, 8.0, 1000, None), Result(0.8, 0.8, 5.0, 9.0, 1200, None)],
        ("bees", "timm_resnet"): [Result(0.5, 0.4, 4.0, 8.0, 900, 12)],
    }
    lines = tabulate(found)
    assert lines[2] == "| bees | pawprint, `cnn` | 0.850 ± 0.071 | 0.800 ± 0.000 | 4.5 | 8.5 | 1200 | - | 1 |"
    length = count_lines(FOLDER / "timm_resnet.py")
    assert (
        lines[3] == f"| bees | timm, resnet18, AdamW and a cosine | 0.500 | 0.400 | 4.0 | 8.0 | 900 | 12 | {length} |"
    )
    assert {line.count("|") for line in lines} == {10}


def test_lines_are_those_of_code(tmp_path: Path) -> None:
    path = tmp_path / "peer.py"
    path.write_text(
        '"""Says\nwhat."""\n\nimport sys\n\n# why\ndef go():\n    """What."""\n    sys.exit(\n        1\n    )\n'
    )
    assert count_lines(path) == 5


def test_each_peer_has_its_program() -> None:
    for row in set(ROWS) - set(OURS) | set(PRETRAINED_EPOCHS):
        assert (FOLDER / f"{row}.py").is_file()
