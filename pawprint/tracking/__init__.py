"""The only room that uses MLflow's client: runs, tags, metrics, artifacts, datasets, models and the tracking server.

Importing this room lets MLflow load the photos of the datasets that runs name.
"""

import pawprint.tracking.datasets  # noqa: F401 - registers their source with MLflow
