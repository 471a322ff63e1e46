"""One page that shows an application's caches and jobs, live."""

from .board import Board
from .latencies import Latencies
from .routes import board_router, monitoring_router

__all__ = ["Board", "Latencies", "board_router", "monitoring_router"]
