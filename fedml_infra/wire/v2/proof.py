"""The verifier's side of the proof of an account: it gives challenges, and knows its own again.

A challenge is not stored. Its nonce is 16 random bytes and an HMAC, under a key that the verifier alone has, of those
bytes, the federation, the verifier, the invite, what the joiner asks for and the expiry:

    nonce = base64url(random + HMAC-SHA256(key, topic ARN, URL, token id, claims, random, expires))

The key is random, not made from the invite's token: the joiner has that, and would make its own challenges with it
and sign them long before. What is remembered is which challenges have been answered (`Challenge.once`).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fedml_infra.errors import ProofRefusedError
from fedml_infra.model.proof import Challenge as Challenge
from fedml_infra.model.proof import Proof as Proof
from fedml_infra.model.proof import ProofRefusal as ProofRefusal
from fedml_infra.model.proof import claims as claims
from fedml_infra.model.proof import moment
from fedml_infra.wire.encoding import base64url, from_base64url, joined

CHALLENGE_SECONDS = 300
"""How long a challenge can be answered; a signature of AWS's is good for as long (STS takes fifteen minutes)."""
_RANDOM = 16


@dataclass(frozen=True)
class Challenger:
    """Gives challenges and knows them again. Processes that serve one URL are given the same key of 32 bytes; a
    challenge of a process that had another key is refused, and the joiner asks for a new one.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def challenge(self, *, topic_arn: str, verifier: str, token_id: str, claims: str, now: datetime) -> Challenge:
        """A new one, good for CHALLENGE_SECONDS."""
        expires = (now + timedelta(seconds=CHALLENGE_SECONDS)).replace(microsecond=0)
        unmade = Challenge(topic_arn, verifier, token_id, claims, "", expires)
        return self._with_nonce(unmade, secrets.token_bytes(_RANDOM))

    def recall(self, proof: Proof, *, topic_arn: str, verifier: str, token_id: str, claims: str) -> Challenge:
        """The challenge that a proof answers, made anew of what the verifier itself knows.

        Raises ProofRefusedError (challenge) where it was not given by this verifier for these.
        """
        try:
            random = from_base64url(proof.nonce)[:_RANDOM]
        except ValueError:
            random = b""
        made = self._with_nonce(Challenge(topic_arn, verifier, token_id, claims, "", proof.expires), random)
        if not hmac.compare_digest(made.nonce, proof.nonce):
            raise ProofRefusedError(
                ProofRefusal.CHALLENGE,
                "this proof answers no challenge that was given here for this federation, invite, account and node",
                fix="Join again: each proof is made for one server and one invite.",
            )
        return made

    def _with_nonce(self, unmade: Challenge, random: bytes) -> Challenge:
        said = (unmade.topic_arn, unmade.verifier, unmade.token_id, unmade.claims, random, moment(unmade.expires))
        mac = hmac.digest(self.key, joined("fedml2 challenge", *said), "sha256")
        return Challenge(
            unmade.topic_arn,
            unmade.verifier,
            unmade.token_id,
            unmade.claims,
            base64url(random + mac),
            unmade.expires,
        )
