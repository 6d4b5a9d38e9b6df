"""HTTP/3 (RFC 9114) over QUIC, by aioquic: a server of small objects, and a client that fetches some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from handshake.lab.applications import borrowed
from handshake.lab.netns import Host
from handshake.lab.servers import OBJECT_BYTES, Address

_PATIENCE_S = 10


async def fetch_over_quic(
    files: tuple[Path, Path],
    name: str,
    address: Address,
    paths: Iterable[str],
    *,
    server: Host,
    client: Host,
    source_port: int,
) -> list[bytes]:
    """Serve at `address` of `server` with this certificate and key, and fetch `paths` one by one from `client`."""
    quic, h3 = borrowed("aioquic.asyncio"), borrowed("aioquic.h3.connection")
    configuration = borrowed("aioquic.quic.configuration").QuicConfiguration
    own, key = files
    theirs = configuration(is_client=False, alpn_protocols=h3.H3_ALPN)
    theirs.load_cert_chain(own, key)
    ours = configuration(is_client=True, alpn_protocols=h3.H3_ALPN, server_name=name)
    ours.load_verify_locations(str(own))
    kinds = _protocols()
    with server.inside():
        serving = await quic.serve(*address, configuration=theirs, create_protocol=kinds["server"])
    try:
        with client.inside():
            connecting = quic.connect(
                *address, configuration=ours, create_protocol=kinds["client"], local_port=source_port
            )
            connection = await connecting.__aenter__()
        async with _leaving(connecting):
            return [await asyncio.wait_for(connection.get(name, path), _PATIENCE_S) for path in paths]
    finally:
        serving.close()


@asynccontextmanager
async def _leaving(connecting: Any) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await connecting.__aexit__(None, None, None)


def _protocols() -> dict[str, type]:
    """The two ends; aioquic's classes are there only once it is imported."""
    protocol = borrowed("aioquic.asyncio").QuicConnectionProtocol
    connection = borrowed("aioquic.h3.connection").H3Connection
    events = borrowed("aioquic.h3.events")

    class Server(protocol):  # type: ignore[misc, valid-type]
        def quic_event_received(self, event: Any) -> None:
            self.http = getattr(self, "http", None) or connection(self._quic)
            for each in self.http.handle_event(event):
                if isinstance(each, events.HeadersReceived):
                    path = dict(each.headers)[b":path"]
                    self.http.send_headers(each.stream_id, [(b":status", b"200")])
                    self.http.send_data(each.stream_id, (path * OBJECT_BYTES)[:OBJECT_BYTES], end_stream=True)
                    self.transmit()

    class Client(protocol):  # type: ignore[misc, valid-type]
        async def get(self, host: str, path: str) -> bytes:
            self.http = getattr(self, "http", None) or connection(self._quic)
            self.body, self.done = b"", asyncio.get_running_loop().create_future()
            head = {":method": "GET", ":scheme": "https", ":authority": host, ":path": path}
            stream = self._quic.get_next_available_stream_id()
            self.http.send_headers(stream, [(k.encode(), v.encode()) for k, v in head.items()], end_stream=True)
            self.transmit()
            await self.done
            return bytes(self.body)

        def quic_event_received(self, event: Any) -> None:
            if getattr(self, "http", None) is None:
                return
            for each in self.http.handle_event(event):
                if isinstance(each, events.DataReceived):
                    self.body += each.data
                    if each.stream_ended and not self.done.done():
                        self.done.set_result(None)

    return {"server": Server, "client": Client}
