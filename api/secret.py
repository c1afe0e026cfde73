"""The deployment's own secret: what is no secret is refused."""

from streams.settings import Settings

SECRET_LENGTH = 32  # bytes, RFC 7518 section 3.2: a key of the hash's size or larger
LOCAL = "local-"  # begins what the one-machine stack makes for itself, in a file beside the code
_FEWEST = 10  # different characters: random ones of that length have more


def check_secrets(settings: Settings) -> None:
    """Raises ValueError, which says what to do, for a secret that is too short, the local stack's or a placeholder."""
    _check("LACAK_JWT_SECRET", settings.jwt_secret, settings.local_stack)
    if settings.jwt_previous_secret:
        _check("LACAK_JWT_PREVIOUS_SECRET", settings.jwt_previous_secret, settings.local_stack)


def _check(name: str, secret: str, local: bool) -> None:
    how = "`openssl rand -base64 48` makes one"
    if len(secret.encode()) < SECRET_LENGTH:
        raise ValueError(f"{name} must have at least {SECRET_LENGTH} bytes; {how}")
    if secret.startswith(LOCAL) and not local:
        raise ValueError(f"{name} is the local stack's, which is no secret elsewhere; {how}")
    if len(set(secret)) < _FEWEST:
        raise ValueError(f"{name} can be guessed: it has fewer than {_FEWEST} different characters; {how}")
