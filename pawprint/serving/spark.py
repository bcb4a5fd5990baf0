"""The served model inside a Spark task, where `mlflow.pyfunc.spark_udf` asks it.

Stored inside each model, like classifier.py, so it imports nothing else of the project.
"""

import sys
from typing import Any

import pandas as pd
import pyarrow as pa


def is_spark_task() -> bool:
    """Return whether this process works on a task of Spark, rather than on a request of a client.

    A server that `spark_udf` starts beside the task, for an env manager other than `local`, is no task.
    """
    pyspark = sys.modules.get("pyspark")
    return pyspark is not None and pyspark.TaskContext.get() is not None


class NullableArray(pd.arrays.ArrowExtensionArray):
    """A column whose nulls survive a change of type.

    `spark_udf` casts each column by `astype`, which makes the text 'None' of a null label, False of a null boolean.
    """

    def astype(self, dtype: Any, copy: bool = True) -> Any:  # noqa: ARG002 (pandas calls it so)
        """Return the values as they are, None where there is none; Spark makes its own type of them."""
        return self.to_numpy(dtype=object, na_value=None)  # type: ignore[arg-type] # pandas takes None here


def keep_nulls(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns keep their nulls in Spark.

    Lists are left as they are, and so are columns of nulls alone: `spark_udf` looks for None in these itself.
    """
    mended: dict[str, pd.Series[Any]] = {}
    for name, column in frame.items():
        values = column.dropna()
        if len(values) and not isinstance(values.iloc[0], list):
            mended[str(name)] = pd.Series(NullableArray(pa.array(column, from_pandas=True)), frame.index)
    return frame.assign(**mended)
