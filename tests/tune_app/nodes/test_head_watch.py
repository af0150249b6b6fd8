"""A head that is gone is noticed within seconds, by refusal and by silence."""

import socket
import time

from tune_app.nodes.head_watch import HeadWatch


def silent_within(watch: HeadWatch, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not watch.problem and time.monotonic() < end:
        time.sleep(0.02)
    return "has not answered for" in watch.problem


def test_a_head_that_answers_is_there_and_one_that_refuses_is_gone_until_it_answers():
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    watch = HeadWatch(f"127.0.0.1:{port}", period=0.05, timeout=0.5, tries=3)
    assert not silent_within(watch, 0.5)
    server.close()
    assert silent_within(watch, 60)
    server = socket.create_server(("127.0.0.1", port))
    end = time.monotonic() + 60
    while watch.problem and time.monotonic() < end:
        time.sleep(0.02)
    assert watch.problem == ""
    watch.close()
    server.close()


def test_a_head_that_answers_for_another_cluster_is_gone():
    clusters = iter(("first", "second"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        watch = HeadWatch(f"127.0.0.1:{port}", ask=lambda: next(clusters), period=0.05)
        connection, _ = server.accept()  # it has met the first one
        assert watch.problem == ""
    connection.close()
    server = socket.create_server(("127.0.0.1", port))
    end = time.monotonic() + 60
    while not watch.problem.startswith("was started anew") and time.monotonic() < end:
        time.sleep(0.02)
    assert watch.problem.startswith("was started anew")
    watch.close()
    server.close()


def test_a_head_that_says_nothing_is_gone():
    """A full backlog answers no connection, as a host without power does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = []
        for _ in range(4):  # nobody accepts them
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(server.getsockname())
            waiting.append(one)
        port = server.getsockname()[1]
        watch = HeadWatch(f"127.0.0.1:{port}", period=0.05, timeout=0.2, tries=3)
        assert silent_within(watch, 60)
        watch.close()
        for one in waiting:
            one.close()
