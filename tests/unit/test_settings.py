"""What an installation may set."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from gnomon import Settings


def test_lists_are_written_with_commas_in_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNOMON_PROXIES", "10.1.0.0/16, ::1")
    monkeypatch.setenv("GNOMON_ALLOWED_HOSTS", "a.example,b.example,")
    monkeypatch.setenv("GNOMON_PROXY_ROLES", '{"ops": "operator"}')
    settings = Settings()
    assert settings.proxies == (ip_network("10.1.0.0/16"), ip_network("::1"))
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.proxy_roles == {"ops": "operator"}


@pytest.mark.parametrize(
    "setting",
    [
        {"proxies": "0.0.0.0/0"},
        {"proxies": "10.0.0.0/8,::/0"},
        {"proxies": "the proxy"},
        {"proxy_roles": {"ops": "root"}},
        {"proxy_role": "root"},
        {"proxy_user_header": "X User\r\n"},
        {"session_idle": 0},
    ],
)
def test_what_would_open_everything_or_mean_nothing_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**setting)  # type: ignore[arg-type]
