"""TLS hellos that OpenSSL makes, in any pieces; SSH identification."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from handshake.app.first import recognised
from handshake.app.ssh import Ssh
from handshake.app.tls import Tls
from tests.support import require
from tests.unit.app.talking import CLIENT, SERVER, Said, heard, pieces, script, texts


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("openssl") is not None, "no openssl on this machine (Debian: sudo apt-get install openssl)")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=www.example", "-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def conversation(certificate: Path, version: ssl.TLSVersion) -> Iterator[Said]:
    """A handshake of OpenSSL with itself, in memory, and one byte of data."""
    client_context, server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    for context in (client_context, server_context):
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="www.example")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done: set[object] = set()
    while len(done) < 2:
        for end, side, out in ((client, CLIENT, to_server), (server, SERVER, to_client)):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                pass
            said = out.read()
            if said:
                yield side, said
                out.write(said)
    client.write(b"x")
    yield CLIENT, to_server.read()


@pytest.mark.parametrize("size", [1, 100, 100_000])
@pytest.mark.parametrize(
    ("version", "name", "alpn"), [(ssl.TLSVersion.TLSv1_3, "TLS 1.3", ""), (ssl.TLSVersion.TLSv1_2, "TLS 1.2", "h2")]
)
def test_hellos_of_openssl(certificate: Path, version: ssl.TLSVersion, name: str, alpn: str, size: int) -> None:
    said = list(conversation(certificate, version))
    dialogue = Tls()
    application = heard(dialogue, pieces(said, size))
    hello = application.tls
    assert hello is not None
    assert (hello.sni, hello.alpn, hello.version, hello.chosen_alpn) == ("www.example", ("h2", "http/1.1"), name, alpn)
    assert name in hello.offered
    assert hello.hello_ns is not None
    assert hello.answered_ns is not None
    assert hello.finished_ns is not None
    assert hello.hello_ns < hello.answered_ns < hello.finished_ns
    ending = ["Finished"] if name == "TLS 1.3" else ["Finished", "Finished"]  # RFC 5246 §7.3: the server's is last
    assert [line.text for line in application.lines] == ["ClientHello", "ServerHello", *ending]
    assert application.lines[-1].sender is (CLIENT if name == "TLS 1.3" else SERVER)
    assert application.lines[-1].time_ns == hello.finished_ns
    assert (dialogue.done, application.fault) == (True, None)
    assert recognised(CLIENT, said[0][1], 443) is Tls
    assert recognised(SERVER, said[1][1], 443) is Tls


def test_a_fatal_alert_ends_it() -> None:
    dialogue = Tls()
    assert texts(heard(dialogue, [(SERVER, bytes.fromhex("15030300020228"))])) == ["< alert: handshake failure (fatal)"]
    assert dialogue.done


@pytest.mark.parametrize(
    "data", ["1603010005 0100000101", "1603010006 010000020303", "1503", "8080010301", "16030140ff", "160301ffff00"]
)
def test_hellos_that_are_cut_or_lie_never_raise(data: str) -> None:
    application = heard(Tls(), [(CLIENT, bytes.fromhex(data))])
    assert application.lines == ()


def test_identification() -> None:
    dialogue = Ssh()
    said = script("< hello there", "< SSH-2.0-OpenSSH_9.2", b"> SSH-2.0-PuTTY\r\n\0\0\1\x4c")
    assert [line.text for line in heard(dialogue, pieces(said, 4)).lines] == ["SSH-2.0-OpenSSH_9.2", "SSH-2.0-PuTTY"]
    assert dialogue.done
