"""A token is made."""

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign(user):
    """Return a token for a user."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return jwt.encode({"sub": user}, key, algorithm="EdDSA")
