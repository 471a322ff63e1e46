#!/usr/bin/env python3
"""Record file-access decisions from a real build, for `make demo`.

Builds Redis from Debian's pristine source tarball under strace.  Every system
call that asks the kernel about a path becomes one request: which program, what
it wanted to do, on which path, what it was told, and when.

    tools/record_decisions.py                     record into examples/data/
    tools/record_decisions.py --describe [FILE]   say what a recording holds

Needs strace, make and gcc; the network only for the tarball (--tarball takes a
local copy).  The build runs in a temporary directory with an environment of its
own, and nothing of this machine's names or users reaches the recording: see
`Anonymiser`.  The file format is described in examples/data/README.md.
"""

import argparse
import collections
import datetime
import gzip
import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.request

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDING = os.path.join(REPOSITORY, "examples", "data", "decisions.bin.gz")
sys.path.insert(0, os.path.join(REPOSITORY, "examples", "demo"))

from workload import read_recording  # noqa: E402

SOURCE = "redis-7.0.15"
TARBALL_URL = "http://deb.debian.org/debian/pool/main/r/redis/redis_7.0.15.orig.tar.gz"
TARBALL_SHA256 = "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982"

MAGIC = b"CCDECIS1"

# What the program wants to do, by system call.  An action of None is worked out
# from the arguments.  Calls on two paths ask two questions.
#
# readlink is left out on purpose.  The compiler's realpath() walks every
# component of every header's path with it: more calls than all others together,
# on a few dozen directories, all answered "not a link".  They would only make
# every hit ratio look better.
ACTIONS = {
    "open": None, "openat": None, "openat2": None, "creat": ["create"],
    "stat": ["stat"], "lstat": ["lstat"], "newfstatat": None, "statx": None,
    "access": None, "faccessat": None, "faccessat2": None,
    "execve": ["execute"], "execveat": ["execute"],
    "mkdir": ["mkdir"], "mkdirat": ["mkdir"], "rmdir": ["rmdir"],
    "unlink": ["unlink"], "unlinkat": None,
    "rename": ["rename", "replace"], "renameat": ["rename", "replace"],
    "renameat2": ["rename", "replace"],
    "link": ["link", "create"], "linkat": ["link", "create"],
    "symlink": [None, "create"], "symlinkat": [None, "create"],
    "chmod": ["chmod"], "fchmodat": ["chmod"],
    "chown": ["chown"], "lchown": ["chown"], "fchownat": ["chown"],
    "truncate": ["write"], "utime": ["touch"], "utimes": ["touch"],
    "utimensat": ["touch"], "statfs": ["statfs"], "chdir": ["enter"],
}
# Traced only to know who is whose child and where it stands.
FAMILY = ["fork", "vfork", "clone", "clone3", "fchdir"]

LINE = re.compile(r"(\d+) +(\d+)\.(\d{6}) (.*)")
CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<((?:[^>\\]|\\.)*)>)?(?: (E\w+))?")
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
# An optional directory descriptor (strace -y shows its path), then a path.
PATH = re.compile(
    r'(?:(AT_FDCWD|\d+)(?:<((?:[^>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")


def unescape(text):
    """A string as strace prints it, as the bytes the kernel was given."""
    raw = text.encode("latin-1")
    if b"\\" not in raw:
        return raw

    def one(match):
        code = match.group(1)
        if code[:1].isdigit():
            return bytes([int(code, 8)])
        if code[:1] == b"x":
            return bytes([int(code[1:], 16)])
        return {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v",
                b"f": b"\f"}.get(code, code)

    return ESCAPE.sub(one, raw)


def action_of(call, arguments):
    """The actions of the calls that ACTIONS leaves open, one for each path."""
    if call in ("open", "openat", "openat2"):
        for flag, action in (("O_CREAT", "create"), ("O_DIRECTORY", "list"),
                             ("O_WRONLY", "write"), ("O_RDWR", "write")):
            if flag in arguments:
                return [action]
        return ["read"]
    if call in ("newfstatat", "statx"):
        return ["lstat" if "AT_SYMLINK_NOFOLLOW" in arguments else "stat"]
    if call == "unlinkat":
        return ["rmdir" if "AT_REMOVEDIR" in arguments else "unlink"]
    mode = arguments.rpartition('"')[2]
    wanted = "".join(c for c in "RWX" if c + "_OK" in mode).lower()
    return ["access-" + (wanted or "f")]


class Anonymiser:
    """Replaces what belongs to this machine or this run by placeholders."""

    def __init__(self, work):
        self.prefixes = [(os.path.join(work, name).encode(), placeholder)
                         for name, placeholder in (
                             (SOURCE, b"$SRC"), ("tmp", b"$TMP"),
                             ("home", b"$HOME"), ("", b"$WORK"))]
        self.prefixes = [(p.rstrip(b"/"), r) for p, r in self.prefixes]

    def __call__(self, path):
        for prefix, placeholder in self.prefixes:
            if path == prefix or path.startswith(prefix + b"/"):
                path = placeholder + path[len(prefix):]
                break
        return re.sub(rb"^/proc/\d+", b"/proc/$PID", path)


def calls_in(trace):
    """Yields (pid, microseconds, text) for every call, in order of its entry.

    strace splits a call that others overtake into an `unfinished` and a
    `resumed` line.  Calls are held back until all that entered earlier are
    whole."""
    waiting = collections.deque()  # [pid, microseconds, text or None]
    open_calls = {}                # pid -> (its element of waiting, its prefix)
    for line in trace:
        match = LINE.match(line)
        if not match:
            continue
        pid, text = int(match[1]), match[4]
        resumed = RESUMED.match(text)
        if resumed:
            call, prefix = open_calls.pop(pid, (None, None))
            if call:
                call[2] = prefix + resumed[1]
        elif text.startswith("+++"):
            call, prefix = open_calls.pop(pid, (None, None))
            if call:
                call[2] = ""  # died in the middle: nobody was told anything
        else:
            call = [pid, int(match[2] + match[3]), text]
            waiting.append(call)
            if text.endswith("<unfinished ...>"):
                call[2] = None
                open_calls[pid] = (call, text[: -len("<unfinished ...>")])
        while waiting and waiting[0][2] is not None:
            yield waiting.popleft()
    yield from (call for call in waiting if call[2])


def parents_in(trace_path):
    parents = {}
    split = re.compile(r"(\d+) .*?\b(?:clone3?|v?fork)(?:\(| resumed>).* = (\d+)$")
    with open(trace_path, encoding="latin-1") as trace:
        for line in trace:
            match = split.match(line)
            if match:
                parents[int(match[2])] = int(match[1])
    return parents


def requests_in(trace_path, work):
    """Yields (microseconds, key, decision)."""
    anonymous = Anonymiser(work)
    parents = parents_in(trace_path)
    programs, directories = {}, {}

    def inherited(table, pid, default):
        if pid not in table:
            parent = parents.get(pid)
            table[pid] = default if parent is None else inherited(
                table, parent, default)
        return table[pid]

    start = os.path.join(work, SOURCE).encode()
    with open(trace_path, encoding="latin-1") as trace:
        for pid, now, text in calls_in(trace):
            match = CALL.match(text)
            if not match:
                continue
            call, arguments, result, result_path, error = match.groups()
            program = inherited(programs, pid, b"$RECORDER")
            directory = inherited(directories, pid, start)
            if call == "fchdir" and not error:
                here = re.match(r"\d+<((?:[^>\\]|\\.)*)>", arguments)
                if here:
                    directories[pid] = unescape(here[1])
            if call not in ACTIONS:
                continue
            actions = ACTIONS[call] or action_of(call, arguments)
            for action, path in zip(actions, PATH.finditer(arguments)):
                descriptor, base, name = path.groups()
                name = unescape(name)
                if not action or not name:
                    continue  # an empty name asks about a descriptor
                if descriptor == "AT_FDCWD" and base:
                    directories[pid] = directory = unescape(base)
                if not name.startswith(b"/"):
                    base = (unescape(base) if base and descriptor != "AT_FDCWD"
                            else directory)
                    while name.startswith(b"./"):
                        name = name[2:].lstrip(b"/")
                    name = base + b"/" + name if name not in (b"", b".") else base
                decision = error or "allowed"
                yield (now, b"|".join((anonymous(program), action.encode(),
                                       anonymous(name))), decision)
                if error:
                    continue
                if call == "chdir":
                    directories[pid] = name
                elif action == "execute":
                    programs[pid] = name


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_recording(path, requests, note):
    keys, decisions = {}, {}
    ids, answers, times = bytearray(), bytearray(), bytearray()
    count, last = 0, None
    for now, key, decision in requests:
        ids += varint(keys.setdefault(key, len(keys)))
        answers.append(decisions.setdefault(decision, len(decisions)))
        times += varint(max(0, now - last) if last is not None else 0)
        last, count = now if last is None else max(now, last), count + 1
    note = note.encode()
    table = b"".join(k + b"\0" for k in keys)
    words = b"".join(d.encode() + b"\0" for d in decisions)
    header = MAGIC + struct.pack("<4I", count, len(keys), len(decisions), len(note))
    content = header + note + words + table + answers + ids + times
    packed = gzip.compress(content, 9, mtime=0)
    with open(path, "wb") as file:
        file.write(packed)
    return len(content), len(packed)


def describe(path):
    note, keys, decisions, requests = read_recording(path)
    answers = collections.Counter(decisions[d] for _, _, d in requests)
    actions = collections.Counter(keys[k].split(b"|")[1].decode() for _, k, _ in requests)
    programs = collections.Counter(
        keys[k].split(b"|")[0].rsplit(b"/", 1)[-1].decode() for _, k, _ in requests)
    seen, changed = {}, 0
    for _, key, decision in requests:
        changed += seen.get(key, decision) != decision
        seen[key] = decision
    total = len(requests)

    def list_of(counter, most):
        rest = sum(counter.values()) - sum(n for _, n in counter.most_common(most))
        return ", ".join([f"{name} {n:,}" for name, n in counter.most_common(most)]
                         + ([f"others {rest:,}"] if rest else []))

    print(f"recorded           {note}")
    print(f"requests           {total:,} in {requests[-1][0] / 1e6:.1f} s")
    print(f"unique keys        {len(keys):,}, "
          f"{sum(map(len, keys)) / len(keys):.0f} bytes on average, "
          f"{max(map(len, keys))} at most")
    print(f"decisions          {list_of(answers, 12)}")
    print(f"actions            {list_of(actions, 8)}")
    print(f"programs           {list_of(programs, 8)}")
    print(f"changed decisions  {changed:,} requests were answered otherwise "
          "than the one before on the same key")
    print(f"maximum hit ratio  {1 - len(keys) / total:.4%} "
          "(an unbounded cache that never expires)")
    print(f"size               {os.path.getsize(path):,} bytes")


def fetch(tarball, work):
    path = tarball or os.path.join(work, "source.tar.gz")
    if not tarball:
        print(f"fetching {TARBALL_URL}")
        urllib.request.urlretrieve(TARBALL_URL, path)
    with open(path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != TARBALL_SHA256:
            raise SystemExit(f"{path}: not the tarball this recording is made of")
    subprocess.run(["tar", "xzf", os.path.abspath(path)], cwd=work, check=True)


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]


def record(arguments):
    for tool in ("strace", "make", "gcc", "tar"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: apt-get install strace make gcc tar")
    work = os.path.realpath(tempfile.mkdtemp(prefix="record-decisions-"))
    try:
        fetch(arguments.tarball, work)
        for name in ("home", "tmp"):
            os.mkdir(os.path.join(work, name))
        trace = os.path.join(work, "trace")
        build = ["make", f"-j{arguments.jobs}"]
        calls = ",".join("?" + call for call in [*ACTIONS, *FAMILY])
        print(f"building {SOURCE} under strace: {' '.join(build)}")
        with open(os.path.join(work, "log"), "wb") as log:
            status = subprocess.run(
                ["strace", "-f", "--seccomp-bpf", "-y", "-ttt", "-s", "4096",
                 "-e", "trace=" + calls, "-e", "signal=none", "-o", trace, *build],
                cwd=os.path.join(work, SOURCE), stdout=log, stderr=log,
                env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                     "HOME": os.path.join(work, "home"),
                     "TMPDIR": os.path.join(work, "tmp"), "LC_ALL": "C"}).returncode
        if status:
            with open(os.path.join(work, "log"), errors="replace") as log:
                sys.stderr.writelines(log.readlines()[-20:])
            raise SystemExit(f"the build failed with status {status}")
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
        note = (f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, {SOURCE} "
                f"({' '.join(build)}), {system}, Linux {platform.machine()}, "
                f"{first_line('gcc', '--version')}, "
                f"{first_line('make', '--version')}, "
                f"{first_line('strace', '-V')}")
        print("reading the trace")
        write_recording(arguments.output, requests_in(trace, work), note)
    finally:
        if arguments.keep:
            print(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    describe(arguments.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--describe", nargs="?", const=RECORDING, metavar="FILE",
                        help="say what a recording holds, and record nothing")
    parser.add_argument("--tarball", help="a local copy of the source tarball")
    parser.add_argument("--jobs", type=int, default=2, help="of make (default: 2)")
    parser.add_argument("--output", default=RECORDING)
    parser.add_argument("--keep", action="store_true", help="keep the work directory")
    arguments = parser.parse_args()
    if arguments.describe:
        describe(arguments.describe)
    else:
        record(arguments)


if __name__ == "__main__":
    main()
