"""Muon for convolutions, AdamW for the rest: an optimizer that learns more from each step.

Adam scales each weight by itself, so a few strong directions of a kernel take most of every step; Muon gives all
directions the same step. A small set of photos allows few steps, which is where that counts: see docs/experiments.md.
"""

from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pulls all singular values towards 1 (Jordan et al. 2024, "Muon")."""


class Muon(keras.optimizers.AdamW):
    """AdamW whose steps for 4-D kernels are orthogonalised momentum (Jordan et al. 2024).

    A kernel [height, width, in, out] is taken as a matrix [height x width x in, out]. Its step is scaled to the
    size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so that both share one learning rate.
    """

    def build(self, variables: Any) -> None:
        """Make the variables that the optimizer needs for those of the model; called by Keras."""
        super().build(variables)
        self.momentums = {
            variable.value.ref(): self.add_variable_from_reference(variable, "muon")
            for variable in variables
            if len(variable.shape) == 4
        }

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable; called by Keras for each."""
        if len(variable.shape) != 4:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[variable.ref()]
        self.assign(momentum, momentum * MOMENTUM + gradient)
        direction = tf.reshape(gradient + MOMENTUM * momentum, [-1, variable.shape[-1]])
        step = 0.2 * max(direction.shape) ** 0.5 * orthogonalise(direction)
        self.assign_sub(variable, tf.cast(learning_rate, tf.float32) * tf.reshape(step, variable.shape))


def orthogonalise(matrix: Any) -> Any:
    """Return nearly the orthogonal matrix closest to this one: same singular vectors, values around 1.

    The quintic is applied to the small square matrix X'X (or XX'), and X is multiplied once at the end: all its
    iterates are polynomials in that square times X. The same result at a third of the time of iterating on X, for
    kernels that are nine times as tall as wide; singular values under 1e-4 of the largest lose a few digits.

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
