"""A cache of policy decisions, shared by the threads of a service.

Asking the policy engine takes milliseconds; most questions are asked again soon.  How long an
answer may be reused depends on how sensitive the resource is.
"""

import hashlib
import json
import threading
import time

from cachecore import Cache

LIFETIMES = {"critical": 60, "confidential": 120, "internal": 180, "public": 300}


class DecisionCache:
    def __init__(self, max_entries: int = 10_000) -> None:
        self._cache = Cache(max_entries=max_entries, ttl=LIFETIMES["confidential"])
        self._cache.sweeper.start()

    @staticmethod
    def _key(user: str, action: str, resource: str, context: dict | None) -> bytes:
        # JSON keeps the parts apart whatever they contain; the digest keeps keys short.
        question = json.dumps([user, action, resource, context or {}], sort_keys=True)
        return b"decision:" + hashlib.sha256(question.encode()).digest()

    def get(
        self, user: str, action: str, resource: str, context: dict | None = None
    ) -> dict | None:
        answer = self._cache.get(self._key(user, action, resource, context))
        return None if answer is None else json.loads(answer)

    def set(
        self,
        user: str,
        action: str,
        resource: str,
        decision: dict,
        sensitivity: str = "confidential",
        context: dict | None = None,
    ) -> float:
        key = self._key(user, action, resource, context)
        self._cache.set(key, json.dumps(decision).encode(), LIFETIMES.get(sensitivity))
        return self._cache.ttl(key) or 0.0

    def metrics(self) -> dict:
        stats = self._cache.stats()
        return {
            "hits": stats.hits,
            "misses": stats.misses,
            "evictions": stats.evictions,
            "entries": stats.entries,
            "hit_rate": round(100 * stats.hit_rate, 2),
            "sweeper_healthy": self._cache.sweeper.status().healthy,
        }

    def close(self) -> None:
        self._cache.close()


def ask_policy_engine(user: str, action: str, resource: str) -> dict:
    time.sleep(0.002)
    return {"allow": user == "admin" or action == "read", "reason": f"{action} by {user}"}


decisions = DecisionCache()

for sensitivity, seconds in LIFETIMES.items():
    left = decisions.set("admin", "read", f"{sensitivity} file", {"allow": True}, sensitivity)
    print(f"{sensitivity:12} decisions are kept {left:.0f} s")
    assert seconds - 1 < left <= seconds


def serve(requests: int) -> None:
    for number in range(requests):
        question = ("admin" if number % 3 else "guest", "write", f"file {number % 20}")
        decision = decisions.get(*question)
        if decision is None:
            decision = ask_policy_engine(*question)
            decisions.set(*question, decision, sensitivity="internal")
        assert decision["allow"] == (question[0] == "admin")


threads = [threading.Thread(target=serve, args=(500,)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

metrics = decisions.metrics()
print(metrics)
assert metrics["hits"] + metrics["misses"] == 8 * 500
assert metrics["hit_rate"] > 50 and metrics["evictions"] == 0 and metrics["sweeper_healthy"]
decisions.close()
