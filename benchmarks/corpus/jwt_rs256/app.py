"""PyJWT with cryptography: an authorizer that checks a token's signature."""

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def handler(event, context):
    """Sign a token for the event's user, and authorize by it."""
    token = jwt.encode({"sub": event["user"], "aud": "api", "exp": event["exp"]}, KEY, algorithm="ES256")
    try:
        claims = jwt.decode(token, PUBLIC, algorithms=["ES256"], audience="api")
    except jwt.ExpiredSignatureError:
        return {"isAuthorized": False, "why": "expired"}
    return {"isAuthorized": True, "context": {"sub": claims["sub"]}}
