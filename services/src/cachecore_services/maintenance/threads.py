"""Functions called on threads of their own, awaited from the loop.

The threads are daemons: neither the end of the loop nor that of the process waits for one that hangs.
(Those of ``asyncio.to_thread`` hold up both, without a limit.)
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Raised:
    """What was raised: a value, so that no exception acts on the loop by itself."""

    error: BaseException


def on_thread(name: str, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
    """What the function returns, or ``Raised``.

    Cancelling the future leaves the thread to end by itself.  RuntimeError if no thread can be
    started.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any) -> None:
        if not answer.done():
            answer.set_result(result)

    def work() -> None:
        try:
            result = context.run(function, *arguments)
        except BaseException as error:
            result = Raised(error)
        with suppress(RuntimeError):  # the loop has been closed: nobody waits
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return answer
