"""Changes of the schema, in order, as alembic finds them."""
