"""cryptography: a secret that is encrypted and decrypted, and a key that is derived."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = base64.urlsafe_b64encode(HKDF(hashes.SHA256(), 32, b"salt", b"corpus").derive(b"secret"))
FERNET = Fernet(KEY)


def handler(event, context):
    """Encrypt and decrypt the event's text."""
    token = FERNET.encrypt(event["text"].encode())
    try:
        FERNET.decrypt(b"x" + token)
        refused = False
    except InvalidToken:
        refused = True
    return {"text": FERNET.decrypt(token).decode(), "refused": refused, "key": KEY.decode()[:6]}
