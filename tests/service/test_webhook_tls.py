"""Over TLS the connection is pinned, and the name stays that of the URL."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.webhooks.post import Outcome, Sender

_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


async def _here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


class _TlsReceiver:
    """A receiver with a certificate for one name; it notes which name a client asks for."""

    def __init__(self, folder: Path, name: str) -> None:
        self.asked: list[str | None] = []
        certificate = folder / "server.pem"
        _write_certificate(certificate, name)
        self.trust = ssl.create_default_context(cafile=str(certificate))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        tls.sni_callback = lambda _socket, asked, _context: self.asked.append(asked)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is what some tests want."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _write_certificate(path: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, plain) + certificate.public_bytes(encoding))


def test_tls_keeps_the_name_though_the_address_is_pinned(tmp_path: Path) -> None:
    server = _TlsReceiver(tmp_path, "hooks.example.com")

    def post(url: str, tls: ssl.SSLContext | None = server.trust) -> Outcome:
        sender = Sender(timeout_s=5, allow_http=False, allowed=_LOOPBACK, resolve=_here, tls=tls)
        return asyncio.run(sender.post(url, {}, b"{}"))

    try:
        good = f"https://hooks.example.com:{server.port}/"
        assert post(good).is_delivered
        assert server.asked == ["hooks.example.com"]
        # The certificate is that of the URL's name, or nothing is sent.
        other = f"https://other.example.com:{server.port}/"
        assert post(other).error == "tls_failed"
        assert post(good, None).error == "tls_failed"  # not trusted by default
    finally:
        server.close()
