"""What the docs and models logged before import; the rooms are `pawprint.tracking` and `pawprint.report`."""

import pawprint.tracking  # noqa: F401 - makes the photos of MLflow's datasets loadable
