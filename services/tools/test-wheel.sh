#!/usr/bin/env bash
# Installs both distributions of a directory into an empty virtual environment and uses them:
#
#   test-wheel.sh DIR
#
# libcachecore comes from the directory, all else from PyPI.  PYTHON is the interpreter.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }

wheels=$(cd "$1" && pwd)
unset PYTHONPATH CACHECORE_LIBRARY CACHECORE_PURE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv environment
python=$work/environment/bin/python
install() {
  "$python" -m pip install -q --disable-pip-version-check --find-links "$wheels" "$@"
}

wheel=$(ls "$wheels"/libcachecore_services-*.whl)
echo "test-wheel: $("$python" --version), $(basename "$wheel")"
install "$wheel"
"$python" -I -X dev -W error - <<'END'
import asyncio
from pathlib import Path

import cachecore_services
from cachecore_services.cleanup import start_cache_cleanup, stop_cache_cleanup
from cachecore_services.policy import PolicyCache

async def main():
    async with PolicyCache() as cache:
        await start_cache_cleanup(cache)
        assert await cache.set("ann", "read", "file:1", {"allow": True})
        assert await cache.get("ann", "read", "file:1") == {"allow": True}
        await stop_cache_cleanup()

asyncio.run(main())
assert (Path(cachecore_services.__file__).parent / "guide" / "services.md").is_file()
for module in ("maintenance", "policy.prometheus", "blacklist.app"):
    try:
        __import__(f"cachecore_services.{module}")
    except ImportError as error:
        assert 'pip install "libcachecore-services[' in str(error), error
    else:
        raise AssertionError(f"{module} needs nothing")
END

install "$wheel[apps]"
"$python" -I -X dev -W error - <<'END'
import asyncio, os, socket, subprocess, sys, time, urllib.request

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
for service in ("blacklist", "decisions", "narration", "permissions"):
    os.makedirs(service)
    command = [sys.executable, "-I", "-m", "uvicorn", "--factory", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--log-level", "warning", f"cachecore_services.{service}.app:create_app"],
        cwd=service,
    )
    try:
        for _ in range(600):
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/dashboard").read()
                break
            except OSError:
                assert server.poll() is None, f"{service} has ended"
                time.sleep(0.1)
        assert b"<html" in page, page
    finally:
        server.terminate()
        assert server.wait(60) in (0, -15), service
    print(f"test-wheel: {service} serves its dashboard")
END
echo "test-wheel: all passed"
