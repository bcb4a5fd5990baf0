"""What MLflow is told, and what is asked of it. The only room that talks to MLflow's client.

`store/` is below the rest, the way there and back; `provenance/` is above it, the chain read back from the runs. With
this room imported, MLflow itself can load the photos behind the datasets that runs name.
"""

import pawprint.lineage.datasets  # noqa: F401 - makes their source known to MLflow
