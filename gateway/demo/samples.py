"""What the demonstration sends: every sample of the catalogue, one large call, one batch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway import fixture_files
from gateway.domain.event_types import CATALOGUE

BIG_BYTES: Final = 200_000
BATCH_SIZE: Final = 1_000

# What parsing and writing again would spoil: forms of numbers, order, spacing, scripts, escapes.
_ODD: Final = (
    '"account":123456789012345678901234567890, "price":1.10,"zero":-0.0,  "tiny":1E-7,'
    r'"escaped":"caf\u00e9 \/ \ud83d\ude00","written":"café / 😀 Grüße 你好 שלום नमस्ते","b":1,"a":2'
)


@dataclass(frozen=True, slots=True)
class Sample:
    """An event to be sent; `data` are the bytes that must arrive."""

    type: str
    data: bytes


class _File(msgspec.Struct):
    type: str
    data: msgspec.Raw


def of_catalogue() -> list[Sample]:
    """One of each type, `data` with the spacing of its file."""
    return [_of_file(name) for name in CATALOGUE]


def big_call() -> Sample:
    """A call of `BIG_BYTES` bytes: a long transcript in several scripts, numbers that no float can hold."""
    call = json.loads(_of_file("call.completed").data)
    call["call_id"] = "call_demo_big"
    call["transcript"] = []
    head = json.dumps(call, ensure_ascii=False)
    before, after = head.split('"transcript": []')
    before = f'{before}{_ODD}, "transcript": ['
    turns: list[str] = []
    size = len((before + after).encode()) + len('],"pad":""')
    while True:
        role = ("agent", "caller")[len(turns) % 2]
        text = f"Turn {len(turns) + 1}: mañana um 3½ Uhr? — 明日、三時半に。 «Да, спасибо» 👍🏽"
        turn = json.dumps({"role": role, "text": text, "at": len(turns) * 3.5}, ensure_ascii=False)
        if size + len(turn.encode()) + 1 > BIG_BYTES:
            break
        size += len(turn.encode()) + bool(turns)
        turns.append(turn)
    text = f'{before}{",".join(turns)}],"pad":"{"." * (BIG_BYTES - size)}"{after}'
    return Sample("call.completed", text.encode())


def batch() -> list[Sample]:
    """`BATCH_SIZE` text messages, each another one."""
    message = json.loads(_of_file("sms.received").data)
    return [
        Sample("sms.received", json.dumps(message | {"message_id": f"msg_demo_{number:04}"}).encode())
        for number in range(1, BATCH_SIZE + 1)
    ]


def _of_file(event_type: str) -> Sample:
    found = msgspec.json.decode(fixture_files.event_bytes(event_type), type=_File)
    return Sample(found.type, bytes(found.data))
