"""Why Cassandra does not let us in, or not do what we ask, in one line that says what to do."""

from cassandra import AuthenticationFailed, Unauthorized
from cassandra.cluster import NoHostAvailable

_ROLE = "see LACAK_CASSANDRA_USERNAME and its password; `lacak grants cassandra --passwords` sets them at Cassandra"
_CA = "LACAK_CASSANDRA_CA must name who signed its certificate, which carries its address or LACAK_CASSANDRA_TLS_NAME"
_NO_TLS = "it does not speak TLS as we do; is LACAK_CASSANDRA_TLS right?"
_SAYS = (  # in what the driver makes of an error; the first that fits
    ("Remote end requires authentication", f"it wants a user name; {_ROLE}"),
    ("Bad credentials", f"the role or its password is wrong; {_ROLE}"),
    ("certificate verify failed", f"its certificate is not trusted; {_CA}"),
    ("SSL", _NO_TLS),
    ("Connection reset", "it hangs up; it is going down, or wants TLS: LACAK_CASSANDRA_TLS says what we do"),
)


def why_refused(error: BaseException) -> str | None:
    """What to tell; None for any other error."""
    if isinstance(error, Unauthorized):
        return f"Cassandra refuses it: {_message(error)}; `lacak grants cassandra` gives each service what it needs"
    if isinstance(error, AuthenticationFailed):
        return _why("Cassandra", error)
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict):
        return next((why for host, each in error.errors.items() if (why := _why(f"Cassandra at {host}", each))), None)
    return None


def _why(where: str, error: BaseException) -> str | None:
    text = str(error)
    return next((f"{where} refuses us: {why}" for said, why in _SAYS if said in text), None)


def _message(error: BaseException) -> str:
    """The server's own words, out of the driver's."""
    return str(error).partition('message="')[2].rstrip('"') or str(error)
