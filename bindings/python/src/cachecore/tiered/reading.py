"""What a tier asks the server when it reads."""

from __future__ import annotations

from time import monotonic
from typing import TypeVar

from ..claims import Claim, Status
from ..errors import TimedOutError
from .fetch import CLAIM_SECONDS, Found
from .tags import MARK_BYTE, tag_name, unwrap
from .tier import Contents, Flow, Tier

V = TypeVar("V")


class Reading(Tier[V]):
    """The part of a tier that reads."""

    def _load(self, name: bytes) -> Flow[Found]:
        """One key from the server."""
        asked = monotonic()
        self._counters.add("server_reads")
        content, pttl = yield self._commands.read(name)
        return self._found(content, pttl, asked)

    def _found(self, content: bytes | None, pttl: int, asked: float) -> Found:
        if content is None:
            return Found(None, self._lifetime(-1, asked))
        self._counters.add("server_hits")
        return Found(content, self._lifetime(pttl, asked))

    def _read(self, names: list[bytes]) -> Flow[Contents]:
        """Several keys, from here or in one pipeline, with their envelopes."""
        epoch = self._epoch()
        found: Contents = {}
        if epoch is not None:
            here = self.local.get_many([epoch + name for name in names])
            found = {key[len(epoch) :]: content for key, content in here.items()}
        wanted: dict[bytes, Claim | None] = {}
        for name in names:
            if name in found or name in wanted:
                continue
            if (write := self._waiting(name)) is not None:
                if write.content is not None:
                    found[name] = write.content
                continue
            claim = None
            if epoch is not None:
                # Who is asking for it already is not waited for: it is read, and not stored.
                try:
                    answer = self.local.get_or_claim(epoch + name, claim_ttl=CLAIM_SECONDS)
                except TimedOutError:  # behind a process that is stopped
                    wanted[name] = None
                    continue
                if answer.status is Status.ABSENT:
                    continue
                if answer.status is Status.FRESH and answer.value is not None:
                    found[name] = answer.value
                    continue
                claim = answer.claim
            wanted[name] = claim
        if wanted:
            asked = monotonic()
            self._counters.add("server_reads", len(wanted))
            contents, *left = yield self._commands.read_many(wanted)
            for (name, claim), content, pttl in zip(wanted.items(), contents, left, strict=True):
                answered = self._found(content, pttl, asked)
                if answered.content is not None:
                    found[name] = answered.content
                if claim is not None:
                    self._fetch.keep(claim, name, answered)
        return found

    def _open_all(self, contents: Contents) -> Flow[Contents]:
        """The contents without their envelopes, of those whose tags have not been invalidated."""
        plain = {name: content for name, content in contents.items() if content[:1] != MARK_BYTE}
        tagged = {name: unwrap(contents[name]) for name in contents.keys() - plain.keys()}
        tags = {tag_name(tag) for _, tokens in tagged.values() for tag in tokens}
        current: Contents = {}
        if tags:
            current = yield from self._read(list(tags))
        for name, (content, tokens) in tagged.items():
            if all(current.get(tag_name(tag)) == token for tag, token in tokens.items()):
                plain[name] = content
        return plain

    def _read_open(self, names: list[bytes]) -> Flow[Contents]:
        contents = yield from self._read(names)
        opened = yield from self._open_all(contents)
        return opened
