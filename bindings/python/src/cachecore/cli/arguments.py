"""What a command line may say."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from . import commands
from .outputs import Output


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("it must be more than 0")
    return seconds


def parser() -> argparse.ArgumentParser:
    """Its results have ``run``, which is called with them and an Output, and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cachecore",
        description="Looks into a cache that processes share.",
        epilog="Ends with 1 if there is no such entry or not all is whole, with 2 after an error.",
    )
    names = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace, Output], int], help: str
    ) -> argparse.ArgumentParser:
        made = names.add_parser(name, help=help)
        made.set_defaults(run=run)
        if run is not commands.guide:
            made.add_argument("place", metavar="PLACE", help="the path or the name that it has")
        return made

    command("stat", commands.stat, "who shares it, what is in it, how it does")
    top = command("top", commands.top, "how it does, again and again")
    top.add_argument("--seconds", type=_seconds, default=1.0, help="between two lines; 1")
    top.add_argument("--count", type=int, default=-1, help="lines; as many as you like")
    keys = command("keys", commands.keys, "sizes of values, seconds left, keys")
    keys.add_argument("prefix", nargs="?", default="", help="that keys begin with")
    keys.add_argument("--limit", type=int, default=1000, help="1000")
    command("get", commands.get, "a value, as it is; counts as nothing").add_argument("key")
    command("check", commands.check, "whether all in it is whole; writes nothing to it")
    command("delete", commands.delete, "an entry; 1 if there is none").add_argument("key")
    command("clear", commands.clear, "all entries")
    command("save", commands.save, "all entries to a file").add_argument("file")
    command("load", commands.load, "a saved file's entries, where there are none").add_argument("file")
    command("guide", commands.guide, "the folder in which the guide to the package lies")
    return parser
