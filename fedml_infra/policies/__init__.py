"""Every policy document of a federation as a pure function, its limits, and what it really allows."""
