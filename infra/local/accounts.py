"""The people that the local OIDC provider knows: demo accounts, one per role of the province."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

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


_OFFICER = ("dossier:read", "dossier:write", "notify:read", "stats:read", "camera:read", "camera:view")
_LEADER = ("dossier:read", "dossier:approve", "stats:read", "camera:read", "camera:view", "notify:read", "events:read")
_ADMIN = (
    "camera:read",
    "camera:view",
    "camera:write",
    "catalogue:write",
    "dead:manage",
    "dossier:read",
    "events:read",
    "notify:read",
    "portal:manage",
    "stats:read",
)
_AUDITOR = ("audit:read", "camera:read", "dossier:read", "events:read", "notify:read")

DEMO = {
    account.login: account
    for account in (
        Account("officer", "Lò Thị Hương", "Cán bộ một cửa", "officer", "H52.17", _OFFICER),
        Account("officer18", "Cầm Văn Dũng", "Cán bộ một cửa", "officer", "H52.18", _OFFICER),
        Account("leader", "Nguyễn Quang Minh", "Lãnh đạo tỉnh", "leader", "H52", _LEADER),
        Account("admin", "Trần Đức Anh", "Quản trị hệ thống", "admin", "H52", _ADMIN),
        Account("auditor", "Hoàng Thị Mai", "Kiểm tra, giám sát", "auditor", "H52", _AUDITOR),
    )
}
"""One account per role of the province, for whoever looks around."""

_NAMES = (
    "Lường Thị Hồng",
    "Quàng Văn Thắng",
    "Vì Thị Nga",
    "Giàng A Chu",
    "Bùi Quang Huy",
    "Tòng Thị Yến",
    "Đỗ Xuân Hải",
)


def _staff() -> tuple[Account, ...]:
    """Whoever works in the simulated province besides: an officer in every other unit, and the one-stop system that
    hands over its history."""
    seed = json.loads((Path(__file__).resolve().parents[1] / "seed" / "province.json").read_text())
    taken = {account.unit for account in DEMO.values()}
    units = [unit["code"] for unit in seed["units"] if unit["code"] not in taken]
    staff = [
        Account(
            f"officer{''.join(code.split('.')[1:])}",
            _NAMES[place % len(_NAMES)],
            "Cán bộ một cửa",
            "officer",
            code,
            _OFFICER,
        )
        for place, code in enumerate(units)
    ]
    importer = Account(
        "importer", "Hệ thống một cửa cũ", "Nhập hồ sơ", "machine", "*", ("dossier:import", "dossier:read")
    )
    return (*staff, importer)


ACCOUNTS = DEMO | {account.login: account for account in _staff()}


def officers() -> dict[str, str]:
    """The login of a one-stop officer, by unit."""
    return {account.unit: account.login for account in ACCOUNTS.values() if account.role == "officer"}


SCOPES = tuple(sorted({scope for account in ACCOUNTS.values() for scope in account.scopes}))
