"""Run the steps in order, reusing any earlier run with the same inputs, parameters and code.

With `plan` the same calls run nothing, and the artifacts of a step that is not reused are unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import click
from mlflow.entities import Run

from pawprint.pipeline.cache_keys import CacheKey, build_key
from pawprint.pipeline.children import run_child
from pawprint.pipeline.resuming import find_learned, training_key
from pawprint.pipeline.reuse import explain_difference, find_reusable, key_tags, log_reuse
from pawprint.tracking.active import active_run
from pawprint.tracking.tags import get_tag


@dataclass(frozen=True)
class Outcome:
    """The result of a step: the run with its artifacts, or None in a plan if there is no such run yet."""

    run: Run | None

    def artifact(self, path: str) -> str | None:
        """Return the URI of an artifact."""
        return f"runs:/{self.run.info.run_id}/{path}" if self.run else None

    def tag(self, name: str) -> str | None:
        """Return the value of `pawprint.<name>`."""
        return get_tag(self.run, name) if self.run else None

    @property
    def made(self) -> Run:
        """The run; outside a plan there always is one."""
        if self.run is None:
            raise RuntimeError("a plan makes no runs")
        return self.run


@dataclass
class Chain:
    """Runs, reuses or plans the steps of a main run.

    Attributes:
        cache: `on` reuses runs with the same key; `refresh` runs all steps, and later runs can reuse them; `off` runs
            all steps, and later runs cannot reuse them.
        plan: only report what would be done.
        runs: the child runs of main, in order.
        plan_lines: the lines of the plan.
    """

    cache: str
    plan: bool = False
    runs: list[Run] = field(default_factory=list)
    plan_lines: list[str] = field(default_factory=list)
    _outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run_step(
        self,
        entry_point: str,
        parameters: Mapping[str, object],
        *,
        given: Mapping[str, str | None],
        inputs: Mapping[str, str | None],
        run_name: str,
    ) -> Outcome:
        """Run a step under the active run, or reuse or plan it, and return its result.

        The same step with the same parameters and inputs is done once.

        Args:
            entry_point: name in MLproject.
            parameters: all parameters but the URIs of the inputs.
            given: URIs of the inputs by parameter; None if a plan does not know them.
            inputs: digests of the inputs' content; None if unknown.
            run_name: name in MLflow's list of runs.

        Raises:
            UserError: the step failed.
        """
        asked = repr((entry_point, sorted(parameters.items()), sorted(given.items())))
        if outcome := self._outcomes.get(asked):
            return outcome
        outcome = self._run_step(entry_point, parameters, given=given, inputs=inputs, name=run_name)
        if outcome.run:
            self._outcomes[asked] = outcome
        return outcome

    def _run_step(
        self,
        entry_point: str,
        parameters: Mapping[str, object],
        *,
        given: Mapping[str, str | None],
        inputs: Mapping[str, str | None],
        name: str,
    ) -> Outcome:
        known = {kind: value for kind, value in inputs.items() if value is not None}
        key = build_key(entry_point, parameters, known) if len(known) == len(inputs) else None
        found = find_reusable(key, self._experiment()) if key and self.cache == "on" else None
        if self.plan:
            line = self._explain(entry_point, key, found, missing=set(inputs) - set(known))
            # With minutes, it trains as many epochs as a clock says.
            if entry_point == "train" and key and not found and self.cache == "on" and not parameters.get("minutes"):
                line += self._explain_training(training_key(parameters, known["dataset"], known.get("weights")))
            self.plan_lines.append(f"{name}: {line}")
            return Outcome(found)
        words = {**{kind: str(value) for kind, value in given.items()}, **parameters}
        if found is not None:
            click.echo(f"{name}: reused from run {found.info.run_id}")
            self.runs.append(log_reuse(found, words, run_name=name))
            return Outcome(found)
        tags = key_tags(key, cache=self.cache)
        self.runs.append(run_child(entry_point, words, run_name=name, tags=tags))
        return Outcome(self.runs[-1])

    def _explain(self, entry_point: str, key: CacheKey | None, found: Run | None, *, missing: set[str]) -> str:
        if found is not None:
            return f"reused from run {found.info.run_id}"
        if self.cache != "on":
            return f"run (cache={self.cache})"
        if key is None:
            # A source without a version must be downloaded to know its digest; other inputs come from earlier steps.
            if missing == {"source"}:
                return "run (its source tells no version)"
            return f"run, unless its {' and '.join(sorted(missing))} can be reused"
        return f"run ({explain_difference(entry_point, key, self._experiment())})"

    def _explain_training(self, key: str) -> str:
        learned = find_learned(key, self._experiment())
        return f", without training again: the model of run {learned.info.run_id} is taken" if learned else ""

    def _experiment(self) -> str:
        return str(active_run().info.experiment_id)
