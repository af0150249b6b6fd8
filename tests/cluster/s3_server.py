"""An S3 server that answers 503 while a file lies beside it.

``python -m tests.cluster.s3_server ADDRESS PORT SWITCH`` serves one bucket, kept in memory.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "ranktune"

REFUSAL = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class QuietHandler(WSGIRequestHandler):
    """Without a line for each request."""

    def log_request(self, *arguments: object) -> None: ...


def with_switch(application: Callable, switch: Path) -> Callable:
    """The application, refusing everything while ``switch`` exists."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not switch.exists():
            return application(environ, start_response)
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(REFUSAL)))]
        start_response("503 Slow Down", headers)
        return [REFUSAL]

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
