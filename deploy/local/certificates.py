"""A throwaway authority and a certificate for this machine's servers, made on the spot: for trying, and for tests."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAYS = 365
NODE = "lacak-node"


def make_certificates(folder: Path, addresses: Sequence[str]) -> None:
    """`ca.pem` (the authority's certificate) and `node.pem` (the servers' key and certificate, made out for these
    addresses and localhost) in `folder`, unless they are there. The authority's key is kept nowhere."""
    if (folder / "node.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, node_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _sign("lacak-local-ca", ca_key, None, ca_key, [x509.BasicConstraints(ca=True, path_length=0)])
    names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    for_names = x509.SubjectAlternativeName([*names, x509.DNSName("localhost")])
    node = _sign(NODE, node_key, ca, ca_key, [x509.BasicConstraints(ca=False, path_length=None), for_names])
    _write(folder / "ca.pem", _pem(ca))
    _write(folder / "node.pem", _key_pem(node_key) + _pem(node) + _pem(ca))


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
