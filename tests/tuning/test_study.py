"""A search goes on where it was, and comes to the same as if it had never been interrupted."""

from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.models.architectures import recipe_for
from pawprint.tuning import study
from pawprint.tuning.plots import write_search
from pawprint.tuning.search_space import search_space
from pawprint.tuning.study import Search, choose_winner, keep_study, open_search

SPACE = search_space(recipe_for("cnn"))
EPOCHS = 4


def loss_of(values: dict[str, float]) -> float:
    return abs(values["learning_rate"] - 0.01) * 10 + abs(values["augmentation"] - 0.7) + abs(values["width"] - 1.25)


def search(storage: str | None, *, trials: int, interrupt_after: int | None = None) -> Search:
    """Runs trials whose loss is a plain function of their values; trial 3 fails. An interrupted one is left running."""
    found = open_search("a study", storage, SPACE, seed=3, epochs=EPOCHS)
    started = 0
    while found.count_done() < trials:
        number, values = found.start_trial(trials) or pytest.fail("nobody else runs trials")
        if started == interrupt_after:
            return found
        started += 1
        found.note_run(number, f"run {number}")
        if found.count_done() == 3:
            found.fail_trial(number, "no memory")
            continue
        for epoch in range(1, EPOCHS + 1):
            if found.should_prune(number, epoch, loss_of(values) + 1 / epoch):
                found.prune_trial(number, f"pruned after epoch {epoch}")
                break
        else:
            found.finish_trial(number, loss_of(values))
    return found


def told(found: Search) -> list[tuple[str, dict[str, float], float | None]]:
    return [(one.state, one.values, one.loss) for one in found.results() if one.state != "interrupted"]


def test_interrupted_again_and_again_it_comes_to_the_same(tmp_path: Path) -> None:
    whole = search(None, trials=16)
    storage = f"sqlite:///{tmp_path}/study.db"
    for _ in range(5):
        search(storage, trials=16, interrupt_after=3)
    resumed = search(storage, trials=16)
    assert told(resumed) == told(whole)
    assert sum(one.state == "interrupted" for one in resumed.results()) == 5
    assert {one.state for one in whole.results()} == {"finished", "pruned", "failed"}
    assert whole.results()[0].values == {name: one.start for name, one in SPACE.items()}
    assert choose_winner(whole.results()).loss == min(
        one.loss or 9 for one in whole.results() if one.state == "finished"
    )


def test_more_trials_go_on_and_a_refresh_starts_again(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    three = told(search(storage, trials=3))
    assert told(search(storage, trials=5))[:3] == three
    assert search(storage, trials=1).count_done() == 5
    assert open_search("a study", storage, SPACE, seed=3, epochs=EPOCHS, anew=True).count_done() == 0


def test_a_trial_is_never_pruned_at_its_last_epoch_nor_before_a_quarter(tmp_path: Path) -> None:
    found = search(None, trials=6)
    number, _ = found.start_trial(9) or pytest.fail()
    assert not found.should_prune(number, 1, 99.0)
    assert found.should_prune(number, 2, 99.0)
    assert not found.should_prune(number, EPOCHS, 99.0)
    assert not found.should_prune(number, 3, float("nan"))


def test_without_a_trial_that_ran_to_its_end_there_is_no_winner() -> None:
    found = open_search("a study", None, SPACE, seed=0, epochs=EPOCHS)
    number, _ = found.start_trial(9) or pytest.fail()
    found.fail_trial(number, "no memory")
    with pytest.raises(UserError, match=r"none of 1 trials ran to its end \(trial 0: no memory\)"):
        choose_winner(found.results())


def test_one_search_at_a_time_and_its_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path))
    monkeypatch.delenv(study.STORAGE_VARIABLE, raising=False)
    with keep_study("x") as storage:
        assert storage == f"sqlite:///{tmp_path}/studies/x.db"
        with pytest.raises(UserError, match="another process"), keep_study("x"):
            pass
    monkeypatch.setenv(study.STORAGE_VARIABLE, "postgresql://somewhere/db")
    with keep_study("x") as storage, keep_study("x"):  # workers may share a database
        assert storage == "postgresql://somewhere/db"


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(UserError, match=r"(?s)postgresql.*127\.0\.0\.1.*PAWPRINT_STUDIES") as refused:
        open_search("x", "postgresql+psycopg://me:secret@127.0.0.1:1/db", SPACE, seed=0, epochs=1)
    assert "secret" not in str(refused.value)


def test_the_pictures_and_the_table_are_written(tmp_path: Path) -> None:
    found = search(None, trials=8)
    results = found.results()
    importances = found.importances()
    assert set(importances) == set(SPACE)
    assert sum(importances.values()) == pytest.approx(1)
    write_search(
        results, space=SPACE, importances=importances, winner=choose_winner(results), folder=tmp_path / "study"
    )
    assert {path.name for path in (tmp_path / "study").iterdir()} == {
        "trials.csv",
        "history.png",
        "importances.png",
        "parallel_coordinates.png",
    }
    rows = (tmp_path / "study" / "trials.csv").read_text().splitlines()
    assert rows[0] == "trial,state,validation_loss,learning_rate,weight_decay,augmentation,width,run,reason"
    assert len(rows) == 9
    assert rows[4].startswith("3,failed,,")


def test_one_trial_is_drawn_too(tmp_path: Path) -> None:
    results = search(None, trials=1).results()
    write_search(results, space=SPACE, importances={}, winner=results[0], folder=tmp_path / "study")
    assert not (tmp_path / "study" / "importances.png").exists()
