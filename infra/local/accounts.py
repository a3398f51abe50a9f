"""The people that the local OIDC provider knows: demo accounts, one per role of the province."""

from __future__ import annotations

import dataclasses

CLI_CLIENT = "ioc-cli"
CONSOLE_CLIENT = "ioc-console"


@dataclasses.dataclass(frozen=True)
class Account:
    """Somebody who may log in; `scopes` is the most that a token of theirs can hold."""

    login: str
    name: str
    title: str
    role: str
    unit: str
    scopes: tuple[str, ...]

    def get_user_id(self) -> str:
        """The subject of a token, as Authlib asks for it."""
        return self.login

    @property
    def scope(self) -> str:
        return " ".join(self.scopes)


_OFFICER = ("dossier:read", "dossier:write", "notify:read", "stats:read", "camera:read")
_LEADER = ("dossier:read", "dossier:approve", "stats:read", "camera:read", "notify:read", "events:read")
_ADMIN = (
    "camera:read",
    "camera:write",
    "catalogue:write",
    "dead:manage",
    "dossier:read",
    "events:read",
    "notify:read",
    "stats:read",
)
_AUDITOR = ("audit:read", "dossier:read", "events:read", "notify:read")

ACCOUNTS = {
    account.login: account
    for account in (
        Account("officer", "Lò Thị Hương", "Cán bộ một cửa", "officer", "H52.17", _OFFICER),
        Account("officer18", "Cầm Văn Dũng", "Cán bộ một cửa", "officer", "H52.18", _OFFICER),
        Account("leader", "Nguyễn Quang Minh", "Lãnh đạo tỉnh", "leader", "H52", _LEADER),
        Account("admin", "Trần Đức Anh", "Quản trị hệ thống", "admin", "H52", _ADMIN),
        Account("auditor", "Hoàng Thị Mai", "Kiểm tra, giám sát", "auditor", "H52", _AUDITOR),
    )
}

SCOPES = tuple(sorted({scope for account in ACCOUNTS.values() for scope in account.scopes}))
