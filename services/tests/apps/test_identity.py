"""A token is revoked however it is spelt, by whatever verifier it is taken for the same one."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import jwt
import pytest

from cachecore_services.blacklist import TokenBlacklist, TokenTable
from cachecore_services.blacklist.identity import identities

from .conftest import HOUR

KEY = "a secret of thirty-two bytes or more"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def blacklist(tmp_path: Path) -> Iterator[TokenBlacklist]:
    made = TokenBlacklist(TokenTable(f"sqlite:///{tmp_path}/tokens.db"))
    yield made
    made.close()


def issued(user: str, **headers: str) -> str:
    claims = {"sub": user, "exp": int(time.time() + HOUR)}
    return jwt.encode(claims, KEY, "HS256", headers=headers)


def spellings(token: str) -> list[str]:
    """What a lenient decoder takes for the same token."""
    header, payload, signature = token.split(".")
    last = ALPHABET.index(signature[-1])
    return [
        *(f"{header}.{payload}.{signature[:-1]}{ALPHABET[last & ~3 | bits]}" for bits in range(4)),
        *(token + more for more in ("=", "==", "====", " ", "\t", "\r\n", "\0", "!", "=junk"[:1])),
        f"{header}.{payload}.{signature[:10]}!\n{signature[10:]}",
        f"{header}.{payload}.{signature.replace('-', '+').replace('_', '/')}",
        f"{header}=.{payload}==.{signature}",
        f" {header} . {payload} . {signature} ",
        f"{header}.{payload}.",
    ]


def test_one_token_however_it_is_spelt(blacklist: TokenBlacklist) -> None:
    for number in range(20):  # signatures that end in other characters
        token, other = issued(f"user-{number}"), issued(f"other-{number}")
        spelt = spellings(token)
        assert not any(blacklist.is_revoked(one) for one in (token, *spelt))
        blacklist.revoke(spelt[number % len(spelt)], time.time() + HOUR)
        assert all(blacklist.is_revoked(one) for one in (token, token.encode(), *spelt))
        assert not blacklist.is_revoked(other)
    assert blacklist.table.count() == 20


def test_a_second_signature_of_the_same_statement_is_no_other_token() -> None:
    """ECDSA has two for each: (r, s) and (r, n - s)."""
    statement = issued("ann").rpartition(".")[0]
    signed = [f"{statement}.{'A' * 86}", f"{statement}.{'B' * 86}"]
    assert identities(signed[0])[0] == identities(signed[1])[0]


def test_every_character_of_header_and_payload_counts() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    chance = random.Random(seed)
    token = issued("ann")
    statement, _, signature = token.rpartition(".")
    for _ in range(200):
        at = chance.randrange(len(statement))
        if statement[at] == ".":
            continue
        decoded = [base64.urlsafe_b64decode(part + "==") for part in statement.split(".")]
        changed = statement[:at] + chance.choice(ALPHABET) + statement[at + 1 :]
        same = [base64.urlsafe_b64decode(part + "==") for part in changed.split(".")] == decoded
        assert (identities(f"{changed}.{signature}")[0] == identities(token)[0]) is same


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.b.d", "..", "e30.e30.", "\ud800", "1.2.3.4"])
def test_what_is_no_signed_token_is_known_by_its_text(token: str) -> None:
    assert identities(token) == (sha256(token.encode(errors="surrogatepass")).digest(),)


def test_headers_with_spaces_and_deep_ones() -> None:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    signed = part(json.dumps({"alg": "HS256"}, indent=4)) + ".e30."
    assert identities(signed + "AAAA")[0] == identities(signed + "BBBB")[0]
    deep = part("[" * 100_000) + ".e30.AA"
    assert len(identities(deep)) == 1


def test_rows_of_the_older_form_are_honoured(blacklist: TokenBlacklist) -> None:
    """Which were the digests of whole texts, as their issuers had written them."""
    token = issued("ann")
    older = sha256(token.encode()).digest()
    blacklist.table.add(older, round((time.time() + HOUR) * 1000), 0)
    assert not blacklist.is_revoked(token)
    blacklist.sync()
    assert all(blacklist.is_revoked(one) for one in spellings(token)[4:-1])
    assert not blacklist.is_revoked(issued("bob"))
