"""Faults of a server and its files, to be handed to `LoopbackServer.fail` or, where bytes change, to `spoil`."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from tests.hub.reply import FileBytes, Reply, read_pieces, reply_json

_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in to this network</title></head><body>Please sign in.</body></html>\n"
)


class Fault:
    """Answers well. Each fault below does one step otherwise."""

    def strikes(self, method: str, reply: Reply) -> bool:
        """Whether this answer is one that the fault can spoil."""
        return True

    def change(self, reply: Reply) -> Reply:
        return reply

    def select(self, reply: Reply, asked_range: str | None) -> Reply:
        return reply.select(asked_range)

    def send(self, connection, reply: Reply) -> None:
        connection.send(reply)


class BodyFault(Fault):
    """Strikes only where a body goes out: no HEAD, no redirect, no refusal."""

    def strikes(self, method: str, reply: Reply) -> bool:
        return method != "HEAD" and reply.status == 200


@dataclass(frozen=True)
class Refusal(Fault):
    """Another status, with the Hub's error headers."""

    status: int
    message: str
    code: str | None = None  # X-Error-Code

    def change(self, reply: Reply) -> Reply:
        headers = {"X-Error-Message": self.message} | ({"X-Error-Code": self.code} if self.code else {})
        return Reply(self.status, headers, json.dumps({"error": self.message}).encode())


UNAUTHORIZED = Refusal(401, "Invalid credentials in Authorization header")
GATED = Refusal(403, "Access to this model is restricted and you are not in the authorized list", "GatedRepo")
NOT_FOUND = Refusal(404, "Entry not found", "EntryNotFound")


@dataclass(frozen=True)
class Busy(Fault):
    """429, to be tried again later."""

    retry_after_s: int = 1

    def change(self, reply: Reply) -> Reply:
        return reply_json({"error": "Too many requests"}, status=429, Retry_After=str(self.retry_after_s))


@dataclass(frozen=True)
class ServerError(Fault):
    """A 5xx answer of a proxy: HTML, no error code."""

    status: int = 503

    def change(self, reply: Reply) -> Reply:
        return Reply(self.status, {"Content-Type": "text/html"}, b"<html><body>Server error</body></html>")


@dataclass(frozen=True)
class Silence(Fault):
    """Nothing for `seconds`, then the good answer; None: nothing until the server closes."""

    seconds: float | None = None

    def send(self, connection, reply: Reply) -> None:
        connection.wait(self.seconds)
        connection.send(reply)


@dataclass(frozen=True)
class Drip(BodyFault):
    """The body comes a few bytes at a time: too often for a read time-out, and never done."""

    bytes_per_second: int = 8

    def send(self, connection, reply: Reply) -> None:
        connection.send_head(reply, length=len(reply.body))
        for piece in read_pieces(reply.body):
            for start in range(len(piece)):
                connection.send_piece(piece[start : start + 1])
                connection.wait(1 / self.bytes_per_second)


@dataclass(frozen=True)
class Cut(BodyFault):
    """The connection ends after part of the body."""

    after_bytes: int = 100

    def send(self, connection, reply: Reply) -> None:
        connection.send_head(reply, length=len(reply.body))
        for piece in read_pieces(reply.body[: self.after_bytes]):
            connection.send_piece(piece)
        connection.drop()


@dataclass(frozen=True)
class Reset(BodyFault):
    """The connection is reset after part of the body, as by a firewall."""

    after_bytes: int = 100

    def send(self, connection, reply: Reply) -> None:
        connection.send_head(reply, length=len(reply.body))
        for piece in read_pieces(reply.body[: self.after_bytes]):
            connection.send_piece(piece)
        connection.reset()


@dataclass(frozen=True)
class Misstated(BodyFault):
    """Content-Length says more bytes than come (`by_bytes` > 0), or fewer."""

    by_bytes: int

    def send(self, connection, reply: Reply) -> None:
        connection.send_head(reply, length=len(reply.body) + self.by_bytes)
        for piece in read_pieces(reply.body):
            connection.send_piece(piece)
        connection.drop()


class RangeIgnored(BodyFault):
    """200 and the whole body, whatever range was asked for."""

    def select(self, reply: Reply, asked_range: str | None) -> Reply:
        return reply


class Replaced(BodyFault):
    """Other bytes under the same name; the Hub's listing, size and sha256 stay those of the true file."""

    content_type: ClassVar[str | None] = None

    def replace_bytes(self, content: bytes) -> bytes:
        raise NotImplementedError

    def change(self, reply: Reply) -> Reply:
        content = bytes(reply.body) if isinstance(reply.body, FileBytes) else reply.body
        changed = replace(reply, body=self.replace_bytes(content))
        return changed.with_headers(Content_Type=self.content_type) if self.content_type else changed


class HtmlPage(Replaced):
    """The page of a network's sign-in."""

    content_type = "text/html"

    def replace_bytes(self, content: bytes) -> bytes:
        return _HTML


class LfsPointer(Replaced):
    """The Git-LFS pointer that should have been followed."""

    def replace_bytes(self, content: bytes) -> bytes:
        return write_pointer(hashlib.sha256(content).hexdigest(), len(content))


class EmptyFile(Replaced):
    def replace_bytes(self, content: bytes) -> bytes:
        return b""


@dataclass(frozen=True)
class Truncated(Replaced):
    """The last bytes are missing."""

    by_bytes: int = 1

    def replace_bytes(self, content: bytes) -> bytes:
        return content[: len(content) - self.by_bytes]


class FlippedBit(Replaced):
    """One bit of a float in the middle of the tensors: still finite, still loads."""

    def replace_bytes(self, content: bytes) -> bytes:
        start, _ = read_header(content)
        changed = bytearray(content)
        changed[start + (len(content) - start) // 8 * 4 + 2] ^= 0x10  # in the mantissa of a little-endian float32
        return bytes(changed)


@dataclass(frozen=True)
class NanWeights(Replaced):
    """NaN for the first `count` values of a float32 tensor; None: for all."""

    tensor: str = "w_dec"
    count: int | None = None

    def replace_bytes(self, content: bytes) -> bytes:
        start, header = read_header(content)
        first, last = header[self.tensor]["data_offsets"]
        changed = np.frombuffer(content[start + first : start + last], "<f4").copy()
        changed[: self.count] = np.nan
        return content[: start + first] + changed.tobytes() + content[start + last :]


def read_header(content: bytes) -> tuple[int, dict]:
    """Where a safetensors file's data start, and its JSON header."""
    start = 8 + int.from_bytes(content[:8], "little")
    return start, json.loads(content[8:start])


def write_pointer(sha256: str, size: int) -> bytes:
    """The Git-LFS pointer of a file of `size` bytes."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def spoil(file: Path, fault: Replaced) -> None:
    """Replaces a file by its spoilt self, as if it had been published so: listing, size and sha256 agree with it."""
    spoilt = file.with_name(f".{file.name}.spoilt")
    spoilt.write_bytes(fault.replace_bytes(file.read_bytes()))
    os.replace(spoilt, file)
