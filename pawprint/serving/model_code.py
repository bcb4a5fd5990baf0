"""The file that MLflow runs to load a model ("models from code"): no pickle, so nothing hidden runs in loading.

MLflow asks that the model be set while this file is imported, which is why it is the one module that acts then.
"""

import mlflow

from pawprint.serving.classifier import PhotoClassifier

mlflow.models.set_model(PhotoClassifier())
