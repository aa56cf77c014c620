"""One use case a file, named by its verb: validate, plan, execute, record. Command line and server call these."""
