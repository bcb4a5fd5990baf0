"""The only room that talks to MLflow's client: runs, tags, artifacts, datasets, models, and the way to the server.

With this room imported, MLflow itself can load the photos behind the datasets that runs name.
"""

import pawprint.tracking.datasets  # noqa: F401 - makes their source known to MLflow
