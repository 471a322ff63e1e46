"""``python -m cachecore``: looks into a cache that processes share, while they use it or after them.

::

    python -m cachecore stat /run/shop/cache          who shares it, what is in it, how it does
    python -m cachecore top /run/shop/cache           the same again and again
    python -m cachecore keys /run/shop/cache PREFIX   keys, sizes, time left
    python -m cachecore get /run/shop/cache KEY       a value, as it is
    python -m cachecore check /run/shop/cache         whether all in it is whole; writes nothing to it
    python -m cachecore delete /run/shop/cache KEY
    python -m cachecore clear /run/shop/cache
    python -m cachecore save /run/shop/cache FILE
    python -m cachecore load /run/shop/cache FILE
    python -m cachecore guide                         where the guide to the package lies

It makes no cache where there is none.  ``stat``, ``top``, ``keys`` and ``get`` open the cache for reading
alone, which changes nothing and needs no more than a file that may be read; ``check`` opens a copy in
memory, and needs as much of that as the cache has; the others attach as one more process.

On a terminal, ``pip install libcachecore[cli]`` gives tables and progress; else there are lines.

It ends with 0; with 1 if there is no such entry, or not all is whole; with 2 and one line if it could not
be done.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

try:
    from .cli import arguments as command_line, outputs
    from .errors import CacheCoreError
except ImportError as error:  # there is no library
    print(f"cachecore: {error}", file=sys.stderr)
    sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = command_line.parser().parse_args(arguments)
    try:
        status = int(parsed.run(parsed, outputs.chosen()))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (CacheCoreError, OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        text = re.sub(r"^cachecore_\w+: ", "", str(what))
        of_file = re.match(r"cachecore_(save|load): ", str(what))
        print(f"cachecore: {parsed.file if of_file else parsed.place}: {text}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
