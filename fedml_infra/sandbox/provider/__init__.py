"""An emulated `aws` Pulumi provider that only ever talks to a loopback endpoint."""
