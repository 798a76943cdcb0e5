"""Checks a proof that Vouchsafe exported with the code of the Sigstore client.

    sigstore_ledger.py VKEY PROOF ENTRY

The checkpoint is read and its signature found by Sigstore's checkpoint reader, the signature itself
is verified by OpenSSL through `cryptography`, and Sigstore's Merkle verifier follows the proof from
ENTRY to the signed root. The client's own entry point only takes bundles of its public log, so the
parts are called one by one. Exit 0: the entry is in the log. 1: it is not.
"""
import base64
import sys
from types import SimpleNamespace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore.errors import VerificationError


class Keyring:
    def __init__(self, vkey):
        _, self.id, typed = vkey.split("+", 2)
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(typed)[1:])

    def verify(self, *, key_id, signature, data):
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            raise VerificationError("the signature does not verify") from None


def main(vkey, proof, entry):
    with open(proof, encoding="utf-8", newline="") as file:
        head, checkpoint = file.read().split("\n\n", 1)
    version, index, *hashes = head.split("\n")
    assert version == "c2sp.org/tlog-proof@v1", version
    _, size, root, *_ = checkpoint.split("\n")
    keyring = Keyring(vkey)
    with open(entry, "rb") as file:
        body = file.read()
    inner = SimpleNamespace(
        canonicalized_body=body,
        log_id=SimpleNamespace(key_id=bytes.fromhex(keyring.id)),
        inclusion_proof=SimpleNamespace(
            log_index=int(index.removeprefix("index ")),
            tree_size=int(size),
            root_hash=base64.b64decode(root),
            hashes=[base64.b64decode(line) for line in hashes],
            checkpoint=SimpleNamespace(envelope=checkpoint),
        ),
    )
    try:
        verify_checkpoint(keyring, SimpleNamespace(_inner=inner))
        verify_merkle_inclusion(SimpleNamespace(_inner=inner))
    except VerificationError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"entry {inner.inclusion_proof.log_index} of {size}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
