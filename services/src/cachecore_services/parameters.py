"""What requests say to all services alike.  A misspelt name is an error, and not nothing said."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, HTTPException, Request
from pydantic import AfterValidator, BaseModel, ConfigDict


def _characters(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can say
        raise ValueError("not a text of Unicode characters") from None
    return text


#: A text that can be written in UTF-8.
Text: TypeAlias = Annotated[str, AfterValidator(_characters)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


async def _dry_run(request: Request, dry_run: bool = False) -> bool:
    """``?dry_run=true``.  422 for another name, lest what was to be tried is done."""
    if unknown := sorted(set(request.query_params) - {"dry_run"}):
        raise HTTPException(422, f"there is no parameter {unknown[0]!r}")
    return dry_run


DryRun: TypeAlias = Annotated[bool, Depends(_dry_run)]
