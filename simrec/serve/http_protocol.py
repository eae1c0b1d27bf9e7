"""HTTP with a limit on the size of a request's head, which uvicorn's quick parser has not."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simrec.serve.settings import MAX_HEAD_BYTES

TOO_LARGE = b"the head of the request is too large"
ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(TOO_LARGE), TOO_LARGE)
)


class LimitedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers exceed MAX_HEAD_BYTES."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Take bytes in, and count them until the head is complete."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(ANSWER)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count from zero: what comes next is the head of another request."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_complete()
