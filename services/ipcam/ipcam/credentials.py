"""Camera credentials at rest: encrypted with a key from the environment; shown, logged and announced nowhere."""

from __future__ import annotations

import dataclasses

from cryptography.fernet import Fernet


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A camera's account; its repr hides the password."""

    username: str
    password: str = dataclasses.field(repr=False)


class Safe:
    """Encrypts and decrypts with one Fernet key (AES-128-CBC and HMAC-SHA256)."""

    def __init__(self, key: str) -> None:
        self.fernet = Fernet(key)

    def lock(self, credentials: Credentials) -> bytes:
        """The credentials as stored."""
        return self.fernet.encrypt(f"{credentials.username}\x00{credentials.password}".encode())

    def unlock(self, stored: bytes | None) -> Credentials | None:
        """The credentials as given; None where the camera has none."""
        if stored is None:
            return None
        username, _, password = self.fernet.decrypt(bytes(stored)).decode().partition("\x00")
        return Credentials(username, password)
