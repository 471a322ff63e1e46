"""What ``python -m cachecore`` is made of.

A command reads values off a cache and hands them to an output, which shows them.  There are two outputs:
lines, which programs read and which therefore stay as they are, and tables for people.  A command does
not know which it has; what is no result but an answer as it is, the bytes of ``get``, it writes itself.

Looking needs no more than a file that may be read, and leaves no trace in it.  So the commands that only
look open the cache for reading alone.  That takes no lock either, so it works beside a process that is
stopped in the middle of a write, and after all were killed.

Each module uses only those below it::

    arguments    what a command line may say
    commands     what each command does with a cache, and its status
    opening      the cache at a place: for reading alone, or attached to
    checking     a copy of the file of a cache, for ``check``
    transfers    how far ``save`` and ``load`` have come
    outputs      how results are shown, and which way is chosen
    tables       as tables and progress, by rich, for a terminal
    plain        as lines, for programs and where there is no rich
    readings     what ``stat`` and ``top`` tell of a cache, as values
"""
