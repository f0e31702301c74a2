"""Full-block cipher feedback mode (RFC 6189 sections 5.7 and 5.13), which protects Confirm and SASrelay.

`cryptography` has moved CFB to its decrepit modes (version 47) and may drop it. Only this module looks for it,
and it works without. `encrypt` and `decrypt` build the mode from any block cipher with 16-octet blocks, so an
application that adds a cipher need not write CFB again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from zrtp.crypto.hashes import Octets

if TYPE_CHECKING:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

BLOCK: Final = 16
"""Octets of a block and of the IV."""

BlockEncryption = Callable[[bytes], bytes]
"""Encrypts one block of 16 octets under a key that it already holds."""


def aes_encrypt(key: Octets, iv: Octets, data: Octets) -> bytes:
    """AES-CFB: as many octets as `data` has; the last block may be short. Key 16, 24 or 32, IV 16 octets."""
    library = _library_mode()
    if library is None:
        return encrypt(aes_block(key), iv, data)
    cipher, aes, mode = library
    return cipher(aes(key), mode(iv)).encryptor().update(data)


def aes_decrypt(key: Octets, iv: Octets, data: Octets) -> bytes:
    """The inverse of `aes_encrypt`."""
    library = _library_mode()
    if library is None:
        return decrypt(aes_block(key), iv, data)
    cipher, aes, mode = library
    return cipher(aes(key), mode(iv)).decryptor().update(data)


def encrypt(block: BlockEncryption, iv: Octets, data: Octets) -> bytes:
    """CFB with 128-bit feedback over any block cipher: C[i] = P[i] xor E(C[i-1]), C[0] = iv."""
    output = bytearray()
    feedback = bytes(iv)
    for start in range(0, len(data), BLOCK):
        feedback = _xor(data[start : start + BLOCK], block(feedback))
        output += feedback
    return bytes(output)


def decrypt(block: BlockEncryption, iv: Octets, data: Octets) -> bytes:
    """The inverse of `encrypt`: P[i] = C[i] xor E(C[i-1]). The cipher only ever encrypts."""
    output = bytearray()
    feedback = bytes(iv)
    for start in range(0, len(data), BLOCK):
        ciphertext = bytes(data[start : start + BLOCK])
        output += _xor(ciphertext, block(feedback))
        feedback = ciphertext
    return bytes(output)


def aes_block(key: Octets) -> BlockEncryption:
    """AES on single blocks, from the library's ECB."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # One block at a time, chained by the caller: what makes ECB unfit for messages does not arise.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305


@cache
def _library_mode() -> tuple[type[Cipher[CFB]], type[AES], type[CFB]] | None:
    """The library's AES-CFB, if it still has it."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB
    except ImportError:
        return None
    return Cipher, AES, CFB


def _xor(text: Octets, key: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(text, key, strict=False))
