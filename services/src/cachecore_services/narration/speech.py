"""What makes audio of text: espeak-ng where it is installed, else a beep for every word."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import re
import shutil
import struct
import wave

from .requests import Generator

_RATE = 16_000


class CannotSpeak(RuntimeError):
    """The program that speaks failed."""


async def espeak(content: str, voice: str) -> bytes:
    """WAV by espeak-ng; a cancelled task ends the program."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_+-]*", voice):
        raise ValueError(f"{voice!r} is no voice")
    program = await asyncio.create_subprocess_exec(
        "espeak-ng",
        "-v",
        voice,
        "--stdin",
        "--stdout",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        audio, errors = await program.communicate(content.encode())
    finally:
        if program.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            await program.wait()
    if program.returncode:
        raise CannotSpeak(errors.decode(errors="replace").strip())
    return audio


async def beeps(content: str, voice: str) -> bytes:
    """WAV with a tone for each word, as high as the word is long: for trying things out."""
    samples = bytearray()
    for word in content.split():
        step = 2 * math.pi * (220 + 40 * min(len(word), 20)) / _RATE
        tone = (int(8000 * math.sin(step * at)) for at in range(_RATE // 10))
        samples += b"".join(struct.pack("<h", sample) for sample in tone)
        await asyncio.sleep(0)
    audio = io.BytesIO()
    with wave.open(audio, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(bytes(samples))
    return audio.getvalue()


def available() -> Generator:
    return espeak if shutil.which("espeak-ng") else beeps
