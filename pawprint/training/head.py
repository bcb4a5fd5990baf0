"""Train a pretrained network: its last layer on the features that the others compute, then the later layers."""

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt
import scipy.special
import tensorflow as tf

from pawprint.models.features import FeatureStore
from pawprint.models.inference import build_inference_network
from pawprint.training.batches import num_batches
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.class_weights import class_weights
from pawprint.training.epochs import Learned, Training, run_epochs
from pawprint.training.finetuning import Finetuning, fine_tune
from pawprint.training.schedule import learning_rate_at
from pawprint.training.steps import build_optimizer
from pawprint.training.task import TrainingTask
from pawprint.training.weights import build_network


def train_pretrained(
    task: TrainingTask,
    *,
    features: FeatureStore,
    on_epoch: Callable[..., None],
    finetuning: Finetuning | None = None,
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train a pretrained architecture: first its last layer, then, if wanted, its later layers.

    The last layer is a multinomial logistic regression; each epoch shows it each photo or, at random, its mirror image.

    Args:
        task: a training of an architecture whose recipe is `frozen`.
        features: store of the photos' features.
        on_epoch: called after each epoch, see `run_epochs`.
        finetuning: how the later layers learn, from `plan_finetuning`; None leaves them as they are.
        checkpoints: where the training is saved after each epoch and resumed from; None saves nothing.

    Returns:
        As `train_network`, except: without fine-tuning, `images_per_second` is the speed of computing the features of
        the training photos, None if they were stored; `flops_per_second` is None, since the last layer needs little
        arithmetic.

    Raises:
        UserError: patience without validation photos, or the loss is NaN or infinite.
    """
    recipe, train, validation, num_classes = task.recipe, task.train, task.validation, len(task.class_names)
    tf.config.experimental.enable_op_determinism()
    model = build_network(task)
    head = model.layers[-1]
    kept = checkpoints.load({}) if checkpoints and finetuning else None
    if finetuning and kept and kept.earlier:
        return fine_tune(
            model, finetuning.task, before=None, earlier=kept.earlier, on_epoch=on_epoch, checkpoints=checkpoints
        )
    # The name is TensorFlow's scope, too, which takes no colon.
    backbone = keras.Model(model.input, head.input, name=task.architecture.replace(":", "."))
    shown = features.load(backbone, train.images, name="train")
    images_per_second = features.images_per_second
    if validation is not None:
        judged = features.load(backbone, validation.images, name="validation")[:, : 2 if recipe.flip_average else 1]

    weights = class_weights(train.labels, num_classes)
    optimizer = build_optimizer(head, recipe)

    @tf.function(reduce_retracing=True)
    def step_on(inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = head(inputs)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses * tf.gather(weights, labels))
        optimizer.apply(tape.gradient(loss, head.trainable_variables), head.trainable_variables)
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == labels, tf.float32))
        return tf.stack([tf.reduce_sum(losses), right])

    num_photos = len(train.labels)
    num_steps = num_batches(num_photos, batch_size=task.batch_size, passes=1)

    def learn(epoch: int) -> Learned:
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([task.seed, epoch])))
        order, mirrored = generator.permutation(num_photos), generator.integers(0, 2, num_photos)
        mirrored *= recipe.augmentation.flip_horizontal
        sums, rate = np.zeros(2), 0.0
        for number in range(num_steps):
            chosen = order[number * task.batch_size : (number + 1) * task.batch_size]
            done = (epoch - 1 + number / num_steps) / task.epochs
            rate = learning_rate_at(done, peak=task.learning_rate, recipe=recipe)
            optimizer.learning_rate.assign(rate)
            sums += step_on(tf.constant(shown[chosen, mirrored[chosen]]), tf.constant(train.labels[chosen])).numpy()
        return Learned(np.append(sums, num_photos), rate)

    def judge(views: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        logits = views.astype(np.float64) @ head.kernel.numpy() + head.bias.numpy()
        probabilities = scipy.special.softmax(logits, axis=-1).mean(axis=1)
        chosen = probabilities[np.arange(len(labels)), labels]
        losses = -np.log(np.maximum(chosen, np.finfo(np.float32).eps))
        return np.array([losses.sum(), (probabilities.argmax(axis=1) == labels).sum(), len(labels)])

    progress = run_epochs(
        task,
        learn=learn,
        judge=None if validation is None else lambda _: judge(judged, validation.labels),
        weights=head.get_weights,
        state={"head": head.variables, "optimizer": optimizer.variables},
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )
    head.set_weights(progress.best_weights)
    if finetuning and finetuning.is_worth(progress):
        earlier = len(progress.history)
        return fine_tune(
            model, finetuning.task, before=progress, earlier=earlier, on_epoch=on_epoch, checkpoints=checkpoints
        )
    network = build_inference_network(
        model,
        image_size=task.image_size,
        side=task.image_size,
        num_classes=num_classes,
        flip_average=recipe.flip_average,
    )
    return Training(
        network=network,
        history=progress.history,
        best_epoch=progress.best_epoch,
        images_per_second=images_per_second,
        flops_per_second=None,
    )
