"""An S3 server that fails while a file lies beside it: with the status in it, or slowly.

``python -m tests.s3_server ADDRESS PORT SWITCH`` serves one bucket, kept in memory.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "ranktune"

REFUSALS = {
    "503": ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    "403": ("403 Forbidden", "ExpiredToken", "The provided token has expired."),
    "404": ("404 Not Found", "NoSuchBucket", "The specified bucket does not exist"),
}
"""By the text of the switch: status, code and message. ``slow N`` answers after N seconds, and
``page`` answers with a web page, as a proxy may."""

PAGE = b"<html><body>Please log in</body></html>"


class QuietHandler(WSGIRequestHandler):
    """Without a line for each request."""

    def log_request(self, *arguments: object) -> None: ...


def with_switch(application: Callable, switch: Path) -> Callable:
    """The application, doing what ``switch`` says while it exists."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fault = switch.read_text() if switch.exists() else ""
        if fault == "page":
            headers = [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))]
            start_response("200 OK", headers)
            return [PAGE]
        if fault not in REFUSALS:
            time.sleep(float(fault.removeprefix("slow ") or 0))
            return application(environ, start_response)
        status, code, message = REFUSALS[fault]
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    return answer


def main(address: str, port: str, switch: str) -> None:
    application = with_switch(DomainDispatcherApplication(create_backend_app), Path(switch))
    server = make_server(
        address, int(port), application, threaded=True, request_handler=QuietHandler
    )
    server.socket.listen(256)  # a dozen workers connect at once
    create_bucket = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=f"http://{address}:{port}"
    ).create_bucket
    threading.Thread(target=create_bucket, kwargs={"Bucket": BUCKET}, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
