"""An optimizer that learns more per step: Muon for convolutions, AdamW for the rest.

Adam scales each weight separately, so a few strong directions of a kernel dominate every step; Muon gives all
directions the same step. This matters for small datasets, which allow few steps: see docs/experiments.md.
"""

from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.95
ITERATIONS = 5
"""Iterations of the quintic in `orthogonalise`."""
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that moves all singular values towards 1 (Jordan et al. 2024, "Muon")."""


class Muon(keras.optimizers.AdamW):
    """AdamW whose steps for 4-D kernels are orthogonalised momentum (Jordan et al. 2024).

    A kernel [height, width, in, out] is treated as a matrix [height x width x in, out]. Its step is scaled to the
    size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so that both share one learning rate.
    """

    def build(self, variables: Any) -> None:
        """Create the optimizer's variables for those of the model; called by Keras."""
        super().build(variables)
        self.momentums = {
            variable.value.ref(): self.add_variable_from_reference(variable, "muon")
            for variable in variables
            if len(variable.shape) == 4
        }

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; called by Keras for each."""
        if len(variable.shape) != 4:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[variable.ref()]
        self.assign(momentum, momentum * MOMENTUM + gradient)
        direction = tf.reshape(gradient + MOMENTUM * momentum, [-1, variable.shape[-1]])
        step = 0.2 * max(direction.shape) ** 0.5 * orthogonalise(direction)
        self.assign_sub(variable, tf.cast(learning_rate, tf.float32) * tf.reshape(step, variable.shape))


def orthogonalise(matrix: Any) -> Any:
    """Return a matrix close to the nearest orthogonal one: same singular vectors, singular values around 1.

    All iterates of the quintic are polynomials in X'X (or XX') times X. So the iteration runs on that small square
    matrix, and X is multiplied once at the end. For kernels that are nine times as tall as wide this takes a third of
    the time of iterating on X; singular values under 1e-4 of the largest lose a few digits.

    Args:
        matrix: float32 [m, n].
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix / (tf.norm(matrix) + 1e-7)
    gram = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
    product = identity = tf.eye(min(matrix.shape))
    for iteration in range(ITERATIONS):
        factor = a * identity + b * gram + c * tf.matmul(gram, gram)
        product = tf.matmul(factor, product) if iteration else factor
        gram = tf.matmul(factor, tf.matmul(gram, factor))
    return tf.matmul(x, product) if tall else tf.matmul(product, x)
