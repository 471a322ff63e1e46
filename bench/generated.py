#!/usr/bin/env python3
"""ADAPTIVE beside simulated LRU, S3-FIFO and W-TinyLFU on generated workloads.

    bench/generated.py [--seeds N] [--quick] [--out FILE]

Loops, zigzags, scans to and fro, popularity that drifts or is replaced, scans in between and changes of
phase (hitratio/workloads.c), for caches of 50 to 10 000 entries that begin empty or full of other keys.  Says
where ADAPTIVE, with the worst of N hash seeds, is more than a point under LRU or more than four under
the best of the three, and where its seeds differ by more than a point.
"""

import argparse
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from coprocess import BUILT

# Entries, and requests for each of them.
SIZES = [(50, 100), (200, 100), (1000, 100), (1000, 1000), (10_000, 100)]
QUICK = SIZES[:2]


class Cell(NamedTuple):
    name: str
    lru: float
    s3fifo: float
    tinylfu: float
    least: float
    mean: float
    most: float

    @property
    def under_lru(self) -> float:
        return self.lru - self.least

    @property
    def under_best(self) -> float:
        return max(self.lru, self.s3fifo, self.tinylfu) - self.least

    @property
    def spread(self) -> float:
        return self.most - self.least


def run(job: tuple[int, int, int, str]) -> list[Cell]:
    seeds, capacity, length, start = job
    text = subprocess.run([BUILT / "generated", str(seeds), str(capacity), str(length), start], check=True,
                          capture_output=True, text=True).stdout
    cells = []
    for line in text.splitlines():
        name, parameter, *_, lru, s3fifo, tinylfu, least, mean, most = line.split(",")
        cells.append(Cell(f"{name} {parameter} at {capacity} x {length}, {start}",
                          *map(float, (lru, s3fifo, tinylfu, least, mean, most))))
    return cells


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="the small caches alone")
    parser.add_argument("--out", type=Path, default=BUILT / "generated.json")
    options = parser.parse_args()
    jobs = [(options.seeds, capacity, length, start) for capacity, length in (QUICK if options.quick else SIZES)
            for start in ("cold", "warm")]
    with ThreadPoolExecutor(2) as pool:
        cells = [cell for found in pool.map(run, jobs) for cell in found]
    means = {field: round(statistics.mean(getattr(cell, field) for cell in cells), 2)
             for field in ("lru", "s3fifo", "tinylfu", "mean")}
    print(f"{len(cells)} cells; mean hit ratios: {means}")
    for field, limit in (("under_lru", 1), ("under_best", 4), ("spread", 1)):
        over = sorted((cell for cell in cells if getattr(cell, field) > limit), key=lambda cell: -getattr(cell, field))
        print(f"{field} by more than {limit}: {len(over)}")
        for cell in over[:12]:
            print(f"  {getattr(cell, field):5.2f}  {cell.name}")
    options.out.write_text(json.dumps({"means": means, "cells": [cell._asdict() for cell in cells]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
