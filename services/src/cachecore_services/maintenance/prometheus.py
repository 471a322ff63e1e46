"""Metrics of a runner for Prometheus: ``REGISTRY.register(JobCollector(runner))``."""

# mypy: disable-error-code="import-not-found,misc,no-any-return"

from __future__ import annotations

from collections.abc import Iterable

from ..extras import needs

needs("prometheus", "prometheus_client")

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .faults import PARTS
from .outcome import Status
from .runner import Runner


class JobCollector:
    """``cachecore_job_*`` for each job, read when Prometheus asks."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        runs = CounterMetricFamily(
            "cachecore_job_runs", "Runs by what became of them", labels=["job", "status"]
        )
        seconds = CounterMetricFamily("cachecore_job_seconds", "Time spent", labels=["job"])
        skipped = CounterMetricFamily(
            "cachecore_job_skipped", "Runs due while another went on", labels=["job"]
        )
        failures = GaugeMetricFamily(
            "cachecore_job_consecutive_failures", "Failures since a success", labels=["job"]
        )
        success = GaugeMetricFamily(
            "cachecore_job_last_success_timestamp_seconds", "Start of the last", labels=["job"]
        )
        alerts = GaugeMetricFamily(
            "cachecore_job_alert", "1 for a rule that holds", labels=["job", "rule"]
        )
        for name, history in self.runner.histories.items():
            for status in Status:
                runs.add_metric([name, str(status)], history.counts[status])
            seconds.add_metric([name], history.seconds)
            skipped.add_metric([name], history.skipped)
            failures.add_metric([name], history.consecutive_failures)
            if history.last_success is not None:
                success.add_metric([name], history.last_success.started_at)
        for rule, name in tuple(self.runner.alarm.firing):
            alerts.add_metric([name, rule], 1)
        faults = CounterMetricFamily(
            "cachecore_runner_faults", "What failed around the jobs, by part", labels=["part"]
        )
        for part in PARTS:
            faults.add_metric([part], self.runner.faults.counts[part])
        leads = GaugeMetricFamily("cachecore_runner_leads", "1 for the one that leads")
        leads.add_metric([], float(self.runner.leads))
        return [runs, seconds, skipped, failures, success, alerts, faults, leads]
