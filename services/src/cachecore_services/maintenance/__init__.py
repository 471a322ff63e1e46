"""Named jobs, done when they are due: ``pip install "libcachecore-services[maintenance]"``.

::

    from cachecore_services.maintenance import Cron, Every, Job, Runner

    async def sweep(run):
        return {"removed": 0 if run.dry_run else cache.cleanup_expired()}

    runner = Runner([
        Job("sweep", sweep, Every(3600), run_at_start=True, attempts=3),
        Job("report", report, Cron("0 2 * * *", "Europe/Berlin"), timeout=60),
    ])
    app = FastAPI(lifespan=runner.lifespan)     # or: async with runner, or: BackgroundRunner
    await runner.run("sweep", dry_run=True)
"""

from .alert import Alert, AlertHook, ConsecutiveFailures, Rule, SuccessRate, Threshold
from .background import BackgroundRunner
from .clock import Clock, ManualClock, Moment, SystemClock
from .job import Job, JobRunning, Report, Run, Stopping
from .outcome import History, Outcome, Status
from .runner import Runner
from .schedule import Cron, Every, Schedule, schedule
from .webhook import Webhook
from .workplace import Workplace

__all__ = [
    "Alert",
    "AlertHook",
    "BackgroundRunner",
    "Clock",
    "ConsecutiveFailures",
    "Cron",
    "Every",
    "History",
    "Job",
    "JobRunning",
    "ManualClock",
    "Moment",
    "Outcome",
    "Report",
    "Rule",
    "Run",
    "Runner",
    "Schedule",
    "Status",
    "Stopping",
    "SuccessRate",
    "SystemClock",
    "Threshold",
    "Webhook",
    "Workplace",
    "schedule",
]
