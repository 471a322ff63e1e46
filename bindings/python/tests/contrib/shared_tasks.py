"""The same as tasks of Celery, whose answers are in a cache as well."""

# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import json
import os

import shared_app
from cachecore import Cache
from celery import Celery

answers = Cache(10_000, shared=os.environ["PLACE"] + "-answers")

app = Celery("shared_tasks", broker=os.environ["BROKER"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)


@app.task(name="answer")
def answer(number: int, path: str) -> None:
    answers.set(f"{number}", json.dumps([os.getpid(), shared_app.answer(path)]).encode())
