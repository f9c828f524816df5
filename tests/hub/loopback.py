"""A server on this machine's own address that logs what it is asked and fails on demand."""

import contextlib
import os
import socket
import struct
import sys
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import unquote, urlsplit

from tests.hub.faults import Fault
from tests.hub.reply import Refused, Reply, read_pieces, reply_json

_TOKEN_HEADERS = ("Authorization", "x-api-key")


@dataclass
class Request:
    """One request, and what became of it. Tokens are not kept."""

    method: str
    path: str  # percent-decoded, without the query
    query: str
    range: str | None  # the Range header as it came
    authorized: bool  # whether a token came, good or bad
    body: bytes = field(repr=False)
    status: int | None = None  # None: nothing was answered
    sent_bytes: int = 0  # of the answer's body
    fault: str | None = None  # the name of the fault that struck


@dataclass
class Rule:
    """A fault waiting for the requests it strikes."""

    pattern: str
    fault: Fault
    left: int | None  # how often it still strikes; None: for ever
    method: str | None


class LoopbackServer:
    """Serves what `answer` returns, from 127.0.0.1, while the `with` block lasts."""

    def __init__(self):
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._listener = _Listener(self)
        self.port: int = self._listener.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def answer(self, request: Request, *, path: str, token: str | None) -> Reply:
        """The good answer; `path` is still percent-encoded. Raises Refused where there is none."""
        raise NotImplementedError

    def fail(self, pattern: str, fault: Fault, *, times: int | None = 1, method: str | None = None) -> None:
        """Lets `fault` strike the next `times` requests whose path fits the shell-style `pattern`; None: all."""
        with self._lock:
            self._rules.append(Rule(pattern, fault, times, method))

    def heal(self) -> None:
        """Takes all faults back."""
        with self._lock:
            self._rules.clear()

    def forget(self) -> None:
        """Empties the request log."""
        self.requests.clear()

    def find_requests(self, pattern: str = "*", *, method: str | None = None) -> list[Request]:
        """The logged requests whose path fits, in order."""
        return [
            request
            for request in list(self.requests)
            if fnmatchcase(request.path, pattern) and method in (None, request.method)
        ]

    def count_sent_bytes(self, pattern: str = "*") -> int:
        """How many bytes of answers' bodies went out for the paths that fit."""
        return sum(request.sent_bytes for request in self.find_requests(pattern))

    def take_fault(self, request: Request, reply: Reply) -> Fault:
        """The first fault that strikes this answer, used up by one; `Fault()` changes nothing."""
        with self._lock:
            for rule in self._rules:
                fits = rule.left != 0 and fnmatchcase(request.path, rule.pattern)
                if fits and rule.method in (None, request.method) and rule.fault.strikes(request.method, reply):
                    if rule.left is not None:
                        rule.left -= 1
                    request.fault = type(rule.fault).__name__
                    return rule.fault
        return Fault()

    def close(self) -> None:
        """Stops answering at once: waiting answers are dropped and connections cut."""
        if not self.closing.is_set():
            self.closing.set()
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.cut_connections()

    def __enter__(self):
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.close()


class _Listener(ThreadingTCPServer):  # not ThreadingHTTPServer, which asks the name service who 127.0.0.1 is
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, owner: LoopbackServer):
        super().__init__(("127.0.0.1", 0), Connection)
        self.owner = owner
        self._open: set[socket.socket] = set()

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(BaseHTTPRequestHandler):
    """One client's connection; faults send through it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go out apart, and would wait 40 ms for each other

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, query = urlsplit(self.path)[2:4]
        tokens = [self.headers[name] for name in _TOKEN_HEADERS if name in self.headers]
        self.request_log = Request(self.command, unquote(path), query, self.headers.get("Range"), bool(tokens), body)
        owner = self.server.owner
        owner.requests.append(self.request_log)
        try:
            reply = owner.answer(self.request_log, path=path, token=tokens[0] if tokens else None)
        except Refused as refused:
            reply = refused.reply
        fault = owner.take_fault(self.request_log, reply)
        reply = fault.select(fault.change(reply), self.request_log.range)
        with contextlib.suppress(ConnectionError):
            fault.send(self, reply)
            return
        self.close_connection = True

    do_HEAD = do_POST = do_GET  # noqa: N815

    def send(self, reply: Reply) -> None:
        """Sends a whole answer, its body withheld from HEAD."""
        self.send_head(reply, length=len(reply.body))
        for piece in read_pieces(reply.body):
            self.send_piece(piece)

    def send_head(self, reply: Reply, *, length: int) -> None:
        """Sends status and headers, claiming a body of `length` bytes."""
        self.request_log.status = reply.status
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send_piece(self, piece: bytes) -> None:
        if self.command != "HEAD":
            self.request_log.sent_bytes += len(piece)
            self.wfile.write(piece)

    def wait(self, seconds: float | None) -> None:
        """Waits, but no longer than the server lives; ends the answer when it has closed."""
        if self.server.owner.closing.wait(seconds):
            raise ConnectionAbortedError("the server closed")

    def drop(self) -> None:
        """Ends the connection after this answer."""
        self.close_connection = True

    def reset(self) -> None:
        """Ends the connection by a reset (RST) at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps the console quiet: `requests` is the log."""


def split_path(path: str) -> list[str]:
    """The percent-decoded parts of an encoded path: a slash inside a part stays there."""
    return [unquote(part) for part in path.strip("/").split("/")]


def refuse(status: int, message: str, **headers: str) -> Refused:
    """A JSON error as the Hub and Neuronpedia send it, to be raised."""
    return Refused(reply_json({"error": message}, status=status, **headers))
