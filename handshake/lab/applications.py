"""Servers of other projects, as they are in use: dnslib, aiosmtpd, pyftpdlib, OpenSSL, asyncssh, aioquic.

They are wanted only where a scenario is played, so they are imported here, in the functions, and their absence is
one clear line. All of them serve inside the given host, in threads, until the block ends.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from handshake.errors import ToolError
from handshake.lab.netns import Host
from handshake.lab.servers import Address

USER, PASSWORD = "alice", "wonderland"  # of a private network that lives for a second
MAIL_HOST = "mail.example"


def borrowed(module: str) -> Any:
    """A module of another project. Raises ToolError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # theirs
            return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ToolError(f"{package} is not installed; the lab needs it:  pip install 'handshake[lab]'") from error


@contextmanager
def name_server(address: Address, zone: str, host: Host) -> Iterator[None]:
    """Answer from a zone file's text, over UDP (512 bytes at most, RFC 1035 §4.2.1) and TCP."""
    server, resolver = borrowed("dnslib.server"), borrowed("dnslib.zoneresolver").ZoneResolver(zone)
    handler = type("_Handler", (server.DNSHandler,), {"udplen": 512})
    quiet = server.DNSLogger(log="-request,-reply,-truncated,-error")
    with host.inside():
        both = [server.DNSServer(resolver, *address, tcp=tcp, handler=handler, logger=quiet) for tcp in (False, True)]
    for each in both:
        each.start_thread()
    try:
        yield
    finally:
        for each in both:
            each.stop()
            each.server.server_close()


@contextmanager
def mail_server(address: Address | socket.socket, host: Host, *, login: bool = False) -> Iterator[None]:
    """Take any mail at an address or listening socket and throw it away; with `login` only from `USER`, in clear."""
    smtp, handlers = borrowed("aiosmtpd.smtp"), borrowed("aiosmtpd.handlers")

    def allows(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> Any:
        return smtp.AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))

    options = {"authenticator": allows, "auth_required": True, "auth_require_tls": False} if login else {}
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a login in clear is none too safe is what the scenario shows
        loop = asyncio.new_event_loop()

        def session() -> Any:
            return smtp.SMTP(handlers.Sink(), hostname=MAIL_HOST, ident="ESMTP", loop=loop, **options)

        with host.inside():
            if isinstance(address, socket.socket):
                starting = loop.create_server(session, sock=address)
            else:
                starting = loop.create_server(session, *address)
            listening = loop.run_until_complete(starting)
        thread = threading.Thread(target=loop.run_forever, name="its event loop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(listening.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def file_server(
    address: Address | socket.socket, host: Host, files: dict[str, bytes], *, passive_port: int | None = None
) -> Iterator[None]:
    """Serve `files` over FTP to `USER`; passive data connections come to `passive_port`, or to any."""
    authorizers, handlers, servers = (borrowed(f"pyftpdlib.{part}") for part in ("authorizers", "handlers", "servers"))
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
    logging.getLogger("pyftpdlib").propagate = False
    ready, stop = threading.Event(), threading.Event()
    with tempfile.TemporaryDirectory(prefix="handshake-") as directory:
        for name, content in files.items():
            Path(directory, name).write_bytes(content)
        users = authorizers.DummyAuthorizer()
        users.add_user(USER, PASSWORD, directory, perm="elr")
        settings = {"authorizer": users, "banner": "ftp.example FTP server ready."}
        if passive_port:
            settings["passive_ports"] = [passive_port]
        handler = type("_Handler", (handlers.FTPHandler,), settings)

        def serve() -> None:
            with host.inside():  # where its data connections are opened as well
                server = servers.FTPServer(address, handler)
                ready.set()
                while not stop.is_set():
                    server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)
                server.close_all()

        thread = threading.Thread(target=serve, name="its event loop", daemon=True)
        thread.start()
        ready.wait(10)
        try:
            yield
        finally:
            stop.set()
            thread.join()


def tls_contexts(own: Path, key: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with this certificate, and of a client that trusts it alone."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(own, key)
    server.set_alpn_protocols(["http/1.1"])
    client = ssl.create_default_context(cafile=str(own))
    client.set_alpn_protocols(["h2", "http/1.1"])
    return server, client


@contextmanager
def certificate_files(name: str) -> Iterator[tuple[Path, Path]]:
    """A certificate for `name` and its key, made by OpenSSL now."""
    with tempfile.TemporaryDirectory(prefix="handshake-") as directory:
        key, own = Path(directory, "key.pem"), Path(directory, "certificate.pem")
        command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-set_serial", "1"]
        command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-days", "1"]
        command += ["-keyout", str(key), "-out", str(own)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError as error:
            raise ToolError("no openssl on this machine (Debian: sudo apt-get install openssl)") from error
        yield own, key


async def ssh_session(listener: socket.socket, dial: Callable[[], socket.socket]) -> str:
    """Serve SSH at a listening socket and log in over a connected one: what a command said there. By asyncssh."""
    ssh = borrowed("asyncssh")
    left = asyncio.get_running_loop().create_future()

    class Door(ssh.SSHServer):  # type: ignore[misc, name-defined]
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def connection_lost(self, _error: Exception | None) -> None:
            left.set_result(None)

    def answer(process: Any) -> None:
        process.stdout.write("hello, client")
        process.exit(0)

    keys = [ssh.generate_private_key("ssh-ed25519")]
    async with ssh.listen(sock=listener, server_factory=Door, process_factory=answer, server_host_keys=keys):
        login = {"username": USER, "password": PASSWORD, "known_hosts": None, "config": None, "client_keys": None}
        async with ssh.connect(sock=dial(), agent_path=None, **login) as connection:
            said = str((await connection.run("greet")).stdout)
            connection.abort()  # only TCP says good-bye: after SSH's own, now one FIN would be first, now the other
        await asyncio.wait_for(left, 10)
        return said
