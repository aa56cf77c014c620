"""An `aws` Pulumi provider for local AWSs: real gRPC, real AWS calls, and only ever to a loopback address.

It stands in for the official plugin in the sandbox and in tests. What a resource type does is declared in `kinds/`;
everything that is not special to a type (comparing, secrets, names, drift, partial failures) is done once, here.
"""
