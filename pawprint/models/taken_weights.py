"""Put the weights of a file into a network: those of every layer that the file has in the same shapes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pawprint.base.errors import UserError
from pawprint.models.weights_file import WeightsFile, open_weights_file

if TYPE_CHECKING:
    import keras

LEAST_SHARE = 0.5
"""Share of the layers before the last that must fit: two architectures have some shapes in common by chance."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Taken:
    """What was taken from a file: layers of how many, the last not counted, and whether the last was taken too."""

    layers: int
    of: int
    last: bool


def take_weights(network: "keras.Model", given: WeightsFile, target: Path, *, with_last: bool) -> Taken:
    """Write a network's weights to a file, with those of the given file in place of its own where whole layers fit.

    The given arrays have the names of Keras's files (`layers/conv2d_3/vars/0`: layers of a class are counted, whatever
    they are called), where the given network may contain this one or be contained in it; or the paths of Keras's
    variables (`conv2d_3/kernel`).

    Args:
        network: the network as it was built; its weights change.
        given: the arrays.
        target: the file to write, `….weights.h5`, for `load_weights` of such a network.
        with_last: whether the last layer may be taken.

    Raises:
        UserError: fewer than `LEAST_SHARE` of the layers before the last fit; the message says how many do.
    """
    import h5py

    last = next(layer for layer in reversed(network.layers) if layer.weights)
    new = last.get_weights()
    variables = {one.path: one for one in network.weights if "float" in one.dtype}
    by_path = _match_paths({path: tuple(one.shape) for path, one in variables.items()}, given.shapes)
    for path, source in by_path.items():
        variables[path].assign(given.read(source))
    network.save_weights(target)
    with open_weights_file(target) as own:
        num_layers = len(_layers(own.shapes))
        by_place = _match_places(own.shapes, given.shapes)
    with h5py.File(target, "r+") as file:
        for place, source in by_place.items():
            file[place][...] = given.read(source)
    # Loaded as a whole, because a layer may compute with more than its variables (Normalization).
    network.load_weights(target)
    found_last = any(not np.array_equal(*pair) for pair in zip(new, last.get_weights(), strict=True))
    if not with_last:
        last.set_weights(new)
        network.save_weights(target)
    num_found = max(len(_layers(by_path)), len(_layers(by_place)))
    taken = Taken(num_found - found_last, num_layers - 1, with_last and found_last)
    if taken.layers < LEAST_SHARE * taken.of:
        raise UserError(f"{taken.layers} of the {taken.of} layers before the last have the same names and shapes in it")
    return taken


def _match_places(own: Shapes, given: Shapes) -> dict[str, str]:
    """Return, for each array of the layers that fit, the given one, by their places in Keras's files."""
    found = (_match(own, given, *places) for places in product(_networks(own), _networks(given)))
    return max(found, key=len)


def _match_paths(own: Shapes, given: Shapes) -> dict[str, str]:
    """Return the same by the paths of variables."""
    own_names, given_names = _count_anew(own), _count_anew(given)
    found = _match(
        {name: own[path] for name, path in own_names.items()},
        {name: given[path] for name, path in given_names.items()},
    )
    return {own_names[name]: given_names[source] for name, source in found.items()}


def _match(own: Shapes, given: Shapes, inside: str = "", outside: str = "") -> dict[str, str]:
    """Return the arrays of the layers under `inside` that the given file has alike, array by array, under `outside`."""
    here, there = _by_layer(own, inside), _by_layer(given, outside)
    alike = [layer for layer in here if here[layer] == there.get(layer)]
    return {f"{inside}{layer}/{name}": f"{outside}{layer}/{name}" for layer in alike for name in here[layer]}


def _by_layer(shapes: Shapes, place: str) -> dict[str, dict[str, tuple[int, ...]]]:
    layers: defaultdict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, shape in shapes.items():
        if name.startswith(place):
            layer, _, array = name.removeprefix(place).rpartition("/")
            layers[layer][array] = shape
    return layers


def _networks(names: Iterable[str]) -> list[str]:
    """Return the places of the networks in a file: its own, and of networks that are layers.

    >>> _networks(["layers/functional/layers/dense/vars/0"])
    ['', 'layers/functional/']
    """
    return sorted({"", *(name[: found.start() + 1] for name in names for found in re.finditer("/layers/", name))})


def _count_anew(paths: Iterable[str]) -> dict[str, str]:
    """Return the paths by names in which the numbers that Keras gives, one process long, start from 0.

    >>> _count_anew(["conv2d_7/kernel", "conv2d_9/kernel"])
    {'conv2d 0/kernel': 'conv2d_7/kernel', 'conv2d 1/kernel': 'conv2d_9/kernel'}
    """
    paths = list(paths)
    numbers: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for layer in _layers(paths):
        stem, _, number = layer.rpartition("_") if re.search(r"_\d{1,9}$", layer) else (layer, "", "0")
        numbers[stem][int(number)] = layer
    names = {
        layer: f"{stem} {place}"
        for stem, layers in numbers.items()
        for place, (_, layer) in enumerate(sorted(layers.items()))
    }
    return {f"{names[layer]}/{path.rpartition('/')[2]}": path for path in paths if (layer := _layer(path)) in names}


def _layers(names: Iterable[str]) -> set[str]:
    return {_layer(name) for name in names}


def _layer(name: str) -> str:
    return name.rpartition("/")[0]
