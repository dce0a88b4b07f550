"""What many failures of a run have in common, said once above them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from connectors.kit.conformance.report import Result

FEWEST: Final = 3


def in_common(results: Iterable[Result]) -> str | None:
    """A sentence where most failures, and three or more, are one status of one path; else None."""
    failures = [result.failure for result in results if result.failure is not None]
    counted = Counter(failure.where for failure in failures if failure.where is not None)
    if not counted:
        return None
    ((path, status), count) = counted.most_common(1)[0]
    if count < FEWEST or count * 2 <= len(failures):
        return None
    beginning = f"{count} of {len(failures)} failures are HTTP {status} from {path}"
    tail = "the connector failed; its log says where" if status >= 500 else "look for one cause first"
    return f"{beginning}: {tail}."
