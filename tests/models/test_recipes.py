import subprocess
import sys

import pytest

from pawprint.base.errors import UserError
from pawprint.models.architectures import ARCHITECTURES, build_model, check_architecture, check_choice, recipe_for


def test_declared_values_are_read_without_tensorflow():
    program = (
        "import sys; from pawprint.models.architectures import recipe_for; print(recipe_for('cnn').image_size);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_baseline_declares_the_notebooks_values():
    recipe = recipe_for("baseline")
    values = (recipe.image_size, recipe.batch_size, recipe.learning_rate, recipe.patience)
    assert values == (64, 64, 0.001, 10)
    assert (recipe.epsilon, recipe.min_delta, recipe.weight_decay, recipe.averaging) == (0.01, 0.001, 0, 0)
    varied = recipe.augmentation
    assert (varied.zoom, varied.rotation, varied.contrast, varied.flip_vertical) == (0.2, 0.3, 0.2, True)
    assert (varied.crop_area, varied.brightness, varied.saturation) == ((1, 1), 0, 0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stages_start_at_zero_in_order_and_end_small_enough_to_be_crops(name):
    stages = recipe_for(name).stages
    assert stages[0].start == 0
    assert [stage.start for stage in stages] == sorted(stage.start for stage in stages)
    assert all(0 < stage.scale <= 1 and stage.passes >= 1 for stage in stages)


def test_an_unknown_architecture_is_refused_with_the_known_and_the_near_ones():
    with pytest.raises(UserError, match=r"'basline'.*baseline, .*cnn, .*\. Did you mean 'baseline'\?"):
        check_architecture("basline")
    with pytest.raises(
        UserError, match=r"choose one of baseline, .*cnn, .*, or keras:<a name in keras\.applications>\.$"
    ):
        recipe_for("linear")


def test_one_class_is_refused():
    with pytest.raises(UserError, match="2 classes or more, not 1"):
        build_model("cnn", num_classes=1, image_size=32, seed=0)


def test_auto_is_a_choice_for_main_and_no_architecture():
    check_choice("auto")
    with pytest.raises(UserError, match="architecture=auto is main's, which tries efficientnet_lite0 and cnn"):
        recipe_for("auto")
    with pytest.raises(UserError, match="Did you mean 'cnn'"):
        check_choice("cnnn")
