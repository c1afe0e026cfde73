"""The deployment's secret: what is none is refused at the start."""

import pytest

from api.secret import check_secrets
from streams.settings import Settings

GOOD = "x7Vb0qT3nE5rW9yU1iO4pA6sD8fG2hJk"


def settings(**changes: object) -> Settings:
    return Settings(**{"jwt_secret": GOOD, "local_stack": False, **changes})  # type: ignore[arg-type]


def test_a_random_one_is_taken() -> None:
    check_secrets(settings())
    check_secrets(settings(jwt_previous_secret=GOOD[::-1]))


@pytest.mark.parametrize("secret", ["", "short", GOOD[:31], "0" * 64, "changeme" * 8, f"local-{GOOD}"])
def test_what_is_no_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="LACAK_JWT_SECRET") as refused:
        check_secrets(settings(jwt_secret=secret))
    assert not secret or secret not in str(refused.value)
    if secret:
        with pytest.raises(ValueError, match="LACAK_JWT_PREVIOUS_SECRET"):
            check_secrets(settings(jwt_previous_secret=secret))


def test_the_local_stack_has_its_own() -> None:
    check_secrets(settings(jwt_secret=f"local-{GOOD}", local_stack=True))


def test_settings_do_not_show_it() -> None:
    assert GOOD not in repr(settings(jwt_previous_secret=GOOD)) + str(settings())
