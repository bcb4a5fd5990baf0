"""The file that MLflow runs to load a model ("models from code"), without a pickle that could hide code.

MLflow requires that the model is set while this file is imported, so this is the only module with effects on import.
"""

import mlflow

from pawprint.serving.classifier import PhotoClassifier

mlflow.models.set_model(PhotoClassifier())
