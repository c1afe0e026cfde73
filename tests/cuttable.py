"""A TCP proxy between a client and the server, for networks as they are: it cuts connections, and blocks WebSockets."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Listens on a port of its own and passes bytes on. `url` is where clients go.

    `websockets`: whether they "pass", are "refused", or are "swallowed": not a word comes back.
    """

    def __init__(self, host: str, port: int, *, websockets: str = "pass") -> None:
        self._upstream, self._websockets = (host, port), websockets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Breaks every connection that is open now, as a lost network does."""
        self.cuts += 1
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accepts no more, and cuts what is open."""
        self._listener.close()
        self.cut()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        with client, suppress(OSError):  # also when the server is not there
            while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                head += data
            if self._websockets != "pass" and b"upgrade: websocket" in head.lower():
                if self._websockets == "refused":
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                else:
                    client.recv(1)  # until the client has enough of it
                return
            server = socket.create_connection(self._upstream)
            self._open |= {client, server}
            server.sendall(head)
            back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
            back.start()
            self._pipe(client, server)
            back.join()
            for one in (client, server):
                self._open.discard(one)
                one.close()

    @staticmethod
    def _pipe(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
