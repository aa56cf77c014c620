"""The house's rules as a Pulumi policy pack: for any stack, of ours or written by hand, that has the same resources.

`rules.py` lists them; each is a pure function of what the stack declares. `server.py` alone knows Pulumi's policy SDK,
which pins another protobuf than the providers' SDK: the pack runs in an environment of its own, made by `place.py`,
that holds copies of `model`, `policies` and this package (docs/adr/0013: policies are pure functions).
"""
