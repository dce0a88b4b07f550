"""A look at what the CRM made of a call, for the checks that the contract's four endpoints cannot answer.

`--show-activity COMMAND` is the integrator's: it is run with the id of an activity as last argument and
prints the activity, in whatever form. Checks look for words in it.
"""

from __future__ import annotations

import asyncio
import shlex
from typing import Final

from connectors.kit.conformance.stage import Show

LONGEST: Final = 15.0  # seconds


def shown_by(command: str) -> Show:
    """Runs the command without a shell. Raises ValueError when it cannot be split into words; the function
    raises RuntimeError when it fails, or does not end."""
    words = shlex.split(command)
    if not words:
        raise ValueError("it is empty")

    async def show(activity_id: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *words,
            activity_id,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(LONGEST):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise RuntimeError(f"{words[0]} did not end within {LONGEST:g} s") from None
        if process.returncode:
            said = err.decode("utf-8", "replace").strip().splitlines()
            raise RuntimeError(f"{words[0]} ended with {process.returncode}: {said[-1] if said else ''}")
        return out.decode("utf-8", "replace")

    return show
