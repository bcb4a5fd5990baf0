"""A training begins with the weights of a file or of an earlier model; what fits is taken, and the rest starts anew."""

import dataclasses
import pickle
import zipfile

import keras
import numpy as np
import pytest
import safetensors.numpy

from pawprint.base.errors import UserError
from pawprint.models import keras_applications
from pawprint.models.architectures import recipe_for
from pawprint.models.weights_file import check_weights_file
from pawprint.tracking.model_files import write_network
from pawprint.training.loop import train_network
from pawprint.training.unlikeness import learn_unlikeness
from pawprint.training.weights import begin_with, build_network


@pytest.fixture
def task(small_cnn, make_task):
    return make_task("cnn", small_cnn, photos=48, judged=24, epochs=2)


def learn(task):
    return train_network(task, on_epoch=lambda *_, **__: None)


def begin(task, path, class_names=None):
    return begin_with(task, path, path.with_name("start.weights.h5"), name=path.name, class_names=class_names)


@pytest.fixture
def earlier(task, tmp_path):
    """A trained model's file as it is logged: photos in, with unlikeness, and a network of its own inside."""
    trained = learn(dataclasses.replace(task, epochs=6))
    path = tmp_path / "network.keras"
    write_network(learn_unlikeness(trained.network, task)[0], path)
    return path, trained


def test_a_training_that_begins_with_an_earlier_model_begins_better_and_twice_alike(task, earlier):
    path, trained = earlier
    begun, said = begin(task, path, ["a", "b"])
    assert said == (
        "It begins with the weights of network.keras: all 8 layers before the last were taken, and the last, since "
        "the classes are the same."
    )
    (inner,) = (layer for layer in trained.network.layers if isinstance(layer, keras.Model))
    for ours, theirs in zip(build_network(begun).get_weights(), inner.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    first, again, anew = learn(begun).history, learn(begun).history, learn(task).history
    assert first[0]["validation_loss"] < anew[0]["validation_loss"]
    assert [entry["train_loss"] for entry in first] == [entry["train_loss"] for entry in again]


@pytest.mark.parametrize("class_names", [["b", "a"], ["a", "b", "c"], None])
def test_other_classes_keep_the_layers_before_the_last(task, earlier, class_names):
    path, _ = earlier
    taken = build_network(begin(task, path, ["a", "b"])[0])
    if class_names == ["a", "b", "c"]:
        task = dataclasses.replace(task, class_names=class_names)
        class_names = ["a", "b"]
    begun, said = begin(task, path, class_names)
    why = "the file does not say its classes" if class_names is None else "the classes are others"
    assert said.endswith(f"all 8 layers before the last were taken; the last starts anew, since {why}.")
    network, anew = build_network(begun), build_network(task)
    for ours, theirs in zip(network.get_weights()[:-2], taken.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(network.layers[-1].get_weights(), anew.layers[-1].get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("form", ["keras", "weights.h5", "places", "paths", "half precision"])
def test_every_format_gives_the_same_weights(task, form, tmp_path):
    keras.layers.Conv2D(3, 3)  # takes a number
    given = build_network(dataclasses.replace(task, seed=5))
    path = tmp_path / "given.bin"
    if form in {"keras", "weights.h5"}:
        saved = tmp_path / f"given.{form}"
        given.save(saved) if form == "keras" else given.save_weights(saved)
        saved.rename(path)
    elif form == "places":
        import h5py

        given.save_weights(tmp_path / "given.weights.h5")
        arrays = {}
        with h5py.File(tmp_path / "given.weights.h5") as file:
            file.visititems(lambda name, one: arrays.update({name: one[()]}) if isinstance(one, h5py.Dataset) else None)
        safetensors.numpy.save_file(arrays, path)
    else:
        kind = np.float16 if form == "half precision" else np.float32
        safetensors.numpy.save_file({one.path: one.numpy().astype(kind) for one in given.weights}, path)
    network = build_network(begin(task, path)[0])
    for ours, theirs in zip(network.get_weights()[:-2], given.get_weights()[:-2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 if form == "half precision" else 0)


def test_of_a_network_with_a_layer_of_another_width_the_rest_is_taken(task, tmp_path):
    given = build_network(dataclasses.replace(task, seed=5))
    arrays = {one.path: one.numpy() for one in given.weights}
    (squeezed,) = (name for name in arrays if name.endswith("kernel") and arrays[name].shape == (1, 1, 16, 4))
    arrays[squeezed] = arrays[squeezed][..., :2]
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors")
    _, said = begin(task, tmp_path / "w.safetensors")
    assert "7 of 8 layers before the last were taken, the others have other shapes and start anew" in said


def test_a_body_alone_fits_a_network_of_keras_applications_and_nothing_is_downloaded(task, tmp_path, monkeypatch):
    """The person's file has no last layer, and lies one network less deep."""
    name = "keras:EfficientNetB0"  # it has a Normalization, which computes with more than its variables
    task = dataclasses.replace(task, architecture=name, recipe=recipe_for(name), image_size=32)
    monkeypatch.setattr(keras_applications, "WEIGHTS", "no such file")
    body = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")
    (normalization,) = (one for one in body.layers if isinstance(one, keras.layers.Normalization))
    normalization.adapt_mean.assign([0.5, 0.4, 0.3])
    normalization.finalize_state()
    body.save_weights(tmp_path / "body.weights.h5")
    begun, said = begin(task, tmp_path / "body.weights.h5")
    assert "the last starts anew" in said
    network = build_network(begun)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    features = keras.Model(network.input, network.layers[-1].input)
    np.testing.assert_allclose(features(pixels), body(pixels), rtol=1e-4, atol=1e-6)


def test_a_last_layer_with_a_single_unit_for_two_classes_is_a_last_layer(task, tmp_path):
    task = dataclasses.replace(task, architecture="baseline", recipe=recipe_for("baseline"))
    given = build_network(dataclasses.replace(task, seed=5))
    given.save(tmp_path / "given.keras")
    begun, said = begin(task, tmp_path / "given.keras", task.class_names)
    assert "all 9 layers before the last were taken, and the last" in said
    for ours, theirs in zip(build_network(begun).get_weights(), given.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    begun, said = begin(dataclasses.replace(task, class_names=["a", "b", "c"]), tmp_path / "given.keras", ["a", "b"])
    assert "all 9 layers before the last were taken; the last starts anew" in said


def write_pickle(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def write_zip_with_pickle(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))


def write_cut(path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(300)]).save_weights(path.with_name("w.weights.h5"))
    path.write_bytes(path.with_name("w.weights.h5").read_bytes()[:3000])


def write_cut_safetensors(path):
    safetensors.numpy.save_file({"a": np.zeros(9, np.float32)}, path)
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_pickle, "no file of weights; expected .keras, .weights.h5, .safetensors"),
        (write_zip_with_pickle, "a zip without model.weights.h5, so no .keras file"),
        (lambda path: path.write_text("hello"), "no file of weights"),
        (lambda path: path.write_bytes(b""), "no file of weights"),
        (write_cut, "damaged"),
        (write_cut_safetensors, "damaged"),
    ],
)
def test_what_is_no_file_of_weights_ends_in_a_line(task, write, message, tmp_path):
    path = tmp_path / "w.keras"
    write(path)
    with pytest.raises(UserError, match=message):
        check_weights_file(path)
    with pytest.raises(UserError, match=rf"^weights=w\.keras can't be taken for architecture=cnn: .*{message}"):
        begin(task, path)


def test_another_architecture_is_refused(task, tmp_path):
    other = keras.Sequential([keras.Input((40, 40, 3)), keras.layers.Conv2D(16, 3), keras.layers.Flatten()])
    other.save(tmp_path / "other.keras")
    with pytest.raises(UserError, match="0 of the 8 layers before the last have the same names and shapes in it"):
        begin(task, tmp_path / "other.keras")


def test_arrays_in_other_files_are_not_read(task, tmp_path):
    """HDF5 can say that an array lies in another file, any that this process may read."""
    import h5py

    build_network(task).save_weights(tmp_path / "real.weights.h5")
    (tmp_path / "secret").write_bytes(bytes(10**6))
    names = {}
    with h5py.File(tmp_path / "real.weights.h5") as real:
        real.visititems(lambda name, one: names.update({name: one.shape}) if isinstance(one, h5py.Dataset) else None)
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        for name, shape in names.items():
            file.create_dataset(name, shape, "f4", external=[(tmp_path / "secret", 0, h5py.h5f.UNLIMITED)])
    with h5py.File(tmp_path / "links.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(tmp_path / "real.weights.h5", "layers")
    for path in ("w.weights.h5", "links.weights.h5"):
        with pytest.raises(UserError, match="0 of the 8 layers"):
            begin(task, tmp_path / path)
