"""How a process shows who it is to Kafka or Cassandra, and how it knows whom it talks to. Pure but for the files."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


@dataclass(frozen=True)
class Login:
    """What the settings say of one server. `problem()` is asked once, before anything connects."""

    server: str  # KAFKA or CASSANDRA, as the settings' names begin
    tls: bool
    how: str  # the setting that decides about `tls`, and what it says
    ca: Path | None
    certificate: Path | None
    key: Path | None
    username: str
    password: SecretStr
    password_file: Path | None
    tls_name: str = ""  # instead of the one we call

    def problem(self) -> str | None:
        """What is missing or makes no sense, in one line; None when all is well."""
        return self._incomplete() or self._unreadable()

    def secret(self) -> str:
        """The password. A file is read each time, so that a restart finds the new one. Raises OSError."""
        if self.password_file is not None:
            return self.password_file.read_text().rstrip("\r\n")
        return self.password.get_secret_value()

    def context(self) -> ssl.SSLContext | None:
        """The other side's certificate is checked, and that it is made out for the name we call; None without TLS.

        Raises OSError (of which ssl.SSLError is one) for a file that is not there or not what it should be.
        """
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def _incomplete(self) -> str | None:
        password = bool(self.password.get_secret_value())
        rules = (
            (password and self.password_file, "{PASSWORD} and {PASSWORD_FILE} are both set: leave one out"),
            (self.username and not password and not self.password_file, "{USERNAME} is set without a {PASSWORD}"),
            (not self.username and (password or self.password_file), "a password is set without a {USERNAME}"),
            (self.certificate and not self.key, "{CERTIFICATE} is set without its {KEY}"),
            (self.key and not self.certificate, "{KEY} is set without its {CERTIFICATE}"),
            (not self.tls and self.ca, "{CA} is set, and with {HOW} nobody looks at it"),
            (not self.tls and self.certificate, "{CERTIFICATE} is set, and with {HOW} nobody looks at it"),
            (not self.tls and self.tls_name, "{TLS_NAME} is set, and with {HOW} nobody looks at it"),
        )
        return next((self._named(text) for broken, text in rules if broken), None)

    def _named(self, text: str) -> str:
        names = ("USERNAME", "PASSWORD", "PASSWORD_FILE", "CERTIFICATE", "KEY", "CA", "TLS_NAME")
        return text.format(HOW=self.how, **{name: f"LACAK_{self.server}_{name}" for name in names})

    def _unreadable(self) -> str | None:
        for name, path in (("PASSWORD_FILE", self.password_file), ("CA", self.ca), ("CERTIFICATE", self.certificate)):
            try:
                if path is not None and not path.read_bytes().strip():
                    return f"LACAK_{self.server}_{name}: {path} is empty"
            except OSError as error:
                return f"LACAK_{self.server}_{name}: {path}: {error.strerror}"
        try:
            self.context()
        except OSError as error:
            of = f"of {self.ca or 'the system'}, {self.certificate or 'no certificate'} and {self.key or 'no key'}"
            return f"LACAK_{self.server}_CA, _CERTIFICATE, _KEY: no TLS can be made {of}: {error.strerror or error}"
        return None
