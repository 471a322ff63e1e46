"""Which computations of a cache's values are under way in this process."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

from .claims import Claim

_SWEEP_FIRST: Final = 64
_len = len  # should somebody put a cached one in its place


class Claiming(Protocol):
    """A computation that has a claim, or is to have one."""

    claim: Claim

    @property
    def gone(self) -> bool:
        """Whether nobody computes any more."""
        ...

    def give_up(self) -> None:
        """Ends it in place of its owner, who is gone."""
        ...


F = TypeVar("F", bound=Claiming)


class UnderWay(Generic[F]):
    """The flights of one cache, by the tokens of their claims.

    One that was interrupted, and has not landed, is still here: whoever wants its result finds it, and
    that its owner is gone.  Else it is removed when there are twice as many as were left the last time.
    """

    __slots__ = ("_flights", "_most")

    def __init__(self) -> None:
        self._flights: dict[int, F] = {}
        self._most = _SWEEP_FIRST

    def __len__(self) -> int:
        return len(self._flights)

    def add(self, flight: F) -> None:
        """Before the flight asks for a claim: no token is its negative id."""
        if _len(self._flights) >= self._most:
            self.sweep()
        self._flights[-id(flight)] = flight

    def claimed(self, flight: F) -> None:
        """It has one."""
        self._flights[flight.claim.seen] = flight
        self._flights.pop(-id(flight), None)

    def remove(self, flight: F) -> None:
        self._flights.pop(-id(flight), None)
        if self._flights.get(flight.claim.seen) is flight:
            self._flights.pop(flight.claim.seen, None)

    def find(self, token: int) -> F | None:
        """The flight that has this claim, also if it was interrupted before it said so.

        None if there is none, or its owner is gone, and so is the claim.
        """
        flight = self._flights.get(token)
        if flight is None:
            flights = list(self._flights.values())
            having = (one for one in flights if one.claim.held and one.claim.seen == token)
            flight = next(having, None)
        if flight is not None and flight.gone:
            flight.give_up()
            return None
        return flight

    def sweep(self) -> None:
        """Ends those whose owners are gone."""
        for flight in list(self._flights.values()):
            if flight.gone:
                flight.give_up()
        self._most = max(_SWEEP_FIRST, 2 * len(self._flights))
