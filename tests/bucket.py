"""A real S3 server behind a door that can be told to fail."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from moto.server import ThreadedMotoServer
from pyarrow import fs

BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
GONE = b"<Error><Code>NoSuchBucket</Code><Message>no such bucket</Message></Error>"

PAGE = b"<html><body>Please log in</body></html>"

ANSWERS = {
    "503": BUSY,
    "removes nothing": BUSY,
    "reads nothing": BUSY,
    "full": b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(GONE), GONE),
    "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(PAGE), PAGE),
}
REFUSED = {
    "503": b"",
    "404": b"",
    "page": b"",
    "removes nothing": b"DELETE",
    "reads nothing": b"GET",
    "full": (b"PUT", b"POST"),
}


class Bucket:
    """One bucket, named "bucket".

    ``fault`` is "" (it works), "refuses" (connections are closed), "hangs" (nothing is answered),
    "503", "changes" (what is read has 0 for o), "removes nothing" or "reads nothing" (503 to
    requests that do so), "404" (there is no bucket), "full" (requests that write are answered with
    507), or "page" (a proxy answers all with one page).
    Every request takes ``seconds`` more.
    """

    def __enter__(self) -> Bucket:
        self.fault, self.seconds = "", 0.0
        self._server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, self._behind = self._server.get_host_and_port()
        fs.S3FileSystem(
            access_key="key",
            secret_key="secret",
            region="us-east-1",
            scheme="http",
            endpoint_override=f"{host}:{self._behind}",
            allow_bucket_creation=True,
        ).create_dir("bucket")
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()
        self._server.stop()

    def uri(self, place: str, *, keys: bool = True) -> str:
        """Of a folder in the bucket; without ``keys`` they are looked for in the environment."""
        query = f"scheme=http&region=us-east-1&endpoint_override={self.address}"
        return f"s3://{'key:secret@' if keys else ''}bucket/{place}?{query}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Passes on what a client asks until a fault strikes."""
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._behind)) as server,
        ):
            back = threading.Thread(target=self._pass_back, args=(server, client), daemon=True)
            back.start()
            while data := client.recv(1 << 16):
                self._pass_on(data, client, server)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _pass_on(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        time.sleep(self.seconds)
        fault = self.fault
        if fault == "refuses":
            raise OSError("refused")
        while self.fault == "hangs":
            time.sleep(0.1)
        if fault in REFUSED and data.startswith(REFUSED[fault]):
            client.sendall(ANSWERS[fault])
            raise OSError(fault)
        server.sendall(data)

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(_changed(data) if self.fault == "changes" else data)


def _changed(data: bytes) -> bytes:
    """A piece of an answer; its head, if that is within, stays as it is."""
    head, end, body = data.partition(b"\r\n\r\n") if data.startswith(b"HTTP/") else (b"", b"", data)
    return head + end + body.replace(b"o", b"0")
