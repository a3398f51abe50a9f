"""The fault proxy does to a connection what it says: passes, drops, refuses, swallows and delays."""

import queue
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import FaultProxy
from tests.conditions import wait_until


class Echo(socketserver.BaseRequestHandler):
    resets: "queue.Queue[bool]" = queue.Queue()

    def handle(self) -> None:
        try:
            while chunk := self.request.recv(4096):
                self.request.sendall(chunk)
        except ConnectionResetError:
            self.resets.put(True)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with FaultProxy("127.0.0.1", server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


def connect(proxy: FaultProxy, timeout: float = 2) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout)


def ask(client: socket.socket, words: bytes = b"xin chao") -> bytes:
    client.sendall(words)
    answer = b""
    while len(answer) < len(words):
        chunk = client.recv(65536)
        if not chunk:
            return answer
        answer += chunk
    return answer


def test_what_is_sent_comes_back_and_is_whole(proxy: FaultProxy) -> None:
    words = bytes(range(256)) * 8_000
    with connect(proxy, 10) as client:
        sender = threading.Thread(target=client.sendall, args=(words,))
        sender.start()
        answer = b""
        while len(answer) < len(words):
            answer += client.recv(65536)
        sender.join()
    assert answer == words


def test_the_end_of_a_stream_is_passed_on(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(4096):
            answer += chunk
    assert answer == b"last words"


def test_a_long_answer_is_whole_although_the_end_follows_at_once(proxy: FaultProxy) -> None:
    words = b"0123456789" * 300_000
    with connect(proxy, 10) as client:
        threading.Thread(target=lambda: (client.sendall(words), client.shutdown(socket.SHUT_WR))).start()
        time.sleep(0.3)  # a slow reader: everything stands in buffers
        answer = bytearray()
        while chunk := client.recv(65536):
            answer += chunk
    assert bytes(answer) == words


def test_a_reset_is_passed_on(proxy: FaultProxy) -> None:
    client = connect(proxy)
    assert ask(client) == b"xin chao"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert Echo.resets.get(timeout=2)


def test_dropped_connections_are_reset_and_new_ones_pass(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        assert ask(client) == b"xin chao"
        assert proxy.drop_connections() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert proxy.connections == 0
    with connect(proxy) as again:
        assert ask(again) == b"xin chao"


def test_a_server_that_is_away_resets_old_and_new_connections(proxy: FaultProxy) -> None:
    with connect(proxy) as client:
        assert ask(client) == b"xin chao"
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionError), connect(proxy) as refused:
        assert refused.recv(1) == b""
        raise ConnectionResetError
    proxy.pass_through()
    with connect(proxy) as again:
        assert ask(again) == b"xin chao"


def test_a_black_hole_keeps_connections_open_and_answers_nobody(proxy: FaultProxy) -> None:
    with connect(proxy, 0.2) as old:
        assert ask(old) == b"xin chao"
        proxy.black_hole()
        with connect(proxy, 0.2) as new:
            for client in (old, new):
                client.sendall(b"anyone?")
                with pytest.raises(TimeoutError):
                    client.recv(1)
            proxy.pass_through()
            for client in (old, new):
                client.settimeout(2)
                assert client.recv(7) == b"anyone?"


def test_a_black_hole_can_be_dropped(proxy: FaultProxy) -> None:
    proxy.black_hole()
    with connect(proxy) as client:
        client.sendall(b"anyone?")
        wait_until(lambda: proxy.connections, "the connection")
        assert proxy.drop_connections() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_delay_holds_each_direction_back_in_order(proxy: FaultProxy) -> None:
    proxy.delay(0.1)
    with connect(proxy) as client:
        start = time.monotonic()
        assert ask(client) == b"xin chao"
        assert time.monotonic() - start >= 0.2
        start = time.monotonic()
        assert ask(client, b"0123456789" * 100) == b"0123456789" * 100
        assert time.monotonic() - start < 1.0
