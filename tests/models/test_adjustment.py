"""What a training may change in a recipe; with `auto` everything is as it was."""

import dataclasses

import pytest

from pawprint.base.errors import UserError
from pawprint.models.adjustment import adjust_recipe, resolve_adjustments, scale_augmentation
from pawprint.models.architectures import ARCHITECTURES, build_model, recipe_for
from pawprint.tuning.search_space import search_space

AUTO = {"weight_decay": None, "augmentation": None, "width": None}
NAMES = [*ARCHITECTURES, "keras:ResNet50"]


@pytest.mark.parametrize("name", NAMES)
def test_auto_and_what_auto_means_give_the_recipe_itself(name):
    recipe = recipe_for(name)
    resolved = resolve_adjustments(name, recipe, **AUTO)
    assert adjust_recipe(recipe, **AUTO) == recipe
    assert adjust_recipe(recipe, **resolved) == recipe


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("baseline", {"weight_decay"}),
        ("cnn", set()),
        ("cct", set()),
        ("crnn", set()),
        ("efficientnet_lite0", {"augmentation", "width"}),
        ("keras:ResNet50", {"augmentation", "width"}),
    ],
)
def test_what_an_architecture_cannot_take_is_refused_and_not_searched(name, refused):
    recipe = recipe_for(name)
    for parameter in AUTO:
        given = {**AUTO, parameter: 1.0}
        if parameter in refused:
            with pytest.raises(UserError, match=rf"{parameter}=1 is not for {name}: .*; say {parameter}=auto"):
                resolve_adjustments(name, recipe, **given)
        else:
            assert resolve_adjustments(name, recipe, **given)[parameter] == 1.0
    assert set(search_space(recipe)) == {"learning_rate", *AUTO} - refused


@pytest.mark.parametrize("name", NAMES)
def test_the_search_starts_at_what_was_measured_and_tries_what_a_user_could_give(name):
    recipe = recipe_for(name)
    space = search_space(recipe)
    measured = {"learning_rate": recipe.learning_rate, **resolve_adjustments(name, recipe, **AUTO)}
    assert {parameter: one.start for parameter, one in space.items()} == {p: measured[p] for p in space}
    assert all(one.low <= one.start <= one.high and (one.low > 0 or not one.log) for one in space.values())


def test_no_augmentation_is_the_photo_itself_and_more_goes_further():
    augmentation = dataclasses.replace(recipe_for("cnn").augmentation, flip_vertical=True, zoom=0.2)
    none = scale_augmentation(augmentation, 0)
    assert none == dataclasses.replace(type(none)(), flip_horizontal=False)
    half, double = scale_augmentation(augmentation, 0.5), scale_augmentation(augmentation, 2)
    assert half.crop_area == pytest.approx((0.6, 1.0))
    assert double.crop_area == (0.05, 1.0)
    assert half.brightness == augmentation.brightness / 2
    assert 1 < half.crop_aspect < augmentation.crop_aspect < double.crop_aspect
    assert half.flip_horizontal
    assert half.flip_vertical


@pytest.mark.parametrize("name", ["baseline", "cct", "cnn", "crnn"])
def test_width_scales_every_layer_and_1_changes_none(name):
    def shapes(width):
        model = build_model(name, num_classes=2, image_size=32, seed=0, width=width)
        return [tuple(weight.shape) for weight in model.weights]

    plain, wide = shapes(1.0), shapes(2.0)
    unsaid = [tuple(weight.shape) for weight in build_model(name, num_classes=2, image_size=32, seed=0).weights]
    assert plain == unsaid
    assert len(wide) == len(plain)
    # The classes are as many, the colours of a pixel too: every layer between has twice the channels.
    assert sum(w[-1] == 2 * p[-1] for w, p in zip(wide, plain, strict=True)) > 0.8 * len(plain)
    assert all(p <= w for one, other in zip(plain, wide, strict=True) for p, w in zip(one, other, strict=True))


# Counted once: a change of a network, and of all results measured with it, is to be meant.
@pytest.mark.parametrize(
    ("name", "parameters"), [("baseline", 766_657), ("cct", 624_483), ("cnn", 918_634), ("crnn", 512_738)]
)
def test_the_networks_have_the_parameters_that_they_always_had(name, parameters):
    assert build_model(name, num_classes=2, image_size=64, seed=0).count_params() == parameters


def test_a_pretrained_network_has_one_width():
    with pytest.raises(ValueError, match="width 1, not 2"):
        build_model("efficientnet_lite0", num_classes=2, image_size=32, seed=0, width=2.0)
