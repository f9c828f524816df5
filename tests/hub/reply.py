"""What a loopback server answers: status, headers and a body, whole or the range that was asked for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class FileBytes:
    """Part of a file, read only while it is sent: some weights are larger than a test should hold."""

    file: Path
    start: int  # byte offset of the first byte
    stop: int  # byte offset after the last one

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, part: slice) -> "FileBytes":
        start, stop, _ = part.indices(len(self))
        return FileBytes(self.file, self.start + start, self.start + max(start, stop))

    def __bytes__(self) -> bytes:
        return b"".join(read_pieces(self))


@dataclass(frozen=True)
class Reply:
    """One answer before it is sent."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)  # all but Content-Length, which follows from the body
    body: bytes | FileBytes = b""

    def with_headers(self, **headers: str) -> "Reply":
        """The same answer with headers added; underscores in names stand for hyphens."""
        return replace(self, headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()})

    def select(self, asked: str | None) -> "Reply":
        """The answer to a Range header: 206 with the part, 416 where it lies outside, else the whole."""
        parsed = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
        if self.status != 200 or parsed is None or not any(parsed.groups()):
            return self
        size = len(self.body)
        first, last = parsed.groups()
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= stop:
            return Reply(416, {"Content-Range": f"bytes */{size}"})
        part = replace(self, status=206, body=self.body[start:stop])
        return part.with_headers(Content_Range=f"bytes {start}-{stop - 1}/{size}")


class Refused(Exception):
    """Carries the answer to a request that cannot be met."""

    def __init__(self, reply: Reply):
        super().__init__(reply.status)
        self.reply = reply


def read_pieces(body: bytes | FileBytes) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB."""
    if isinstance(body, FileBytes):
        with body.file.open("rb") as file:
            file.seek(body.start)
            left = len(body)
            while left and (piece := file.read(min(_PIECE_BYTES, left))):
                left -= len(piece)
                yield piece
    else:
        yield from (body[start : start + _PIECE_BYTES] for start in range(0, len(body), _PIECE_BYTES))


def reply_json(content: object, *, status: int = 200, **headers: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(content).encode()).with_headers(**headers)
